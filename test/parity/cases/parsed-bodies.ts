import { gzipSync } from 'node:zlib';
import express from 'express';
import { fixRequestBody } from 'http-proxy-middleware';
import type { Handler } from '../../../lib/core/exchange.js';
import { differs, failsWith, fromUpstream, requestsOf, setHeader } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const latin1 = (buffer: Buffer) => buffer.toString('latin1');
const typed = (type: string, body: string, headers: string[] = []) =>
  request('POST /b', [`Content-Type: ${type}`, ...headers], body);

/** Body parsers of Express in front of `fixRequestBody`. */
const parsed = (
  name: string,
  parser: Handler,
  send: string,
  shows: RegExp,
  more: Partial<ParityCase> = {},
): ParityCase => ({
  topic: 'fixRequestBody',
  name,
  stages: () => [parser],
  options: ({ url }) => ({ target: url, on: { proxyReq: fixRequestBody } }),
  refusedFor: 'on.proxyReq',
  send,
  shows,
  ...more,
});

const asHandler = (parser: unknown) => parser as Handler;
/** A parser like multer: it leaves the fields of a form. */
const formParser: Handler = (req, _res, next) => {
  req.resume().on('end', () => {
    Object.assign(req, { body: { a: '1', b: 'two words' } });
    next();
  });
};
const FORM = '--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xx--\r\n';

/** `fixRequestBody`, behind parsers of bodies. */
export const PARSED_BODY_CASES: readonly ParityCase[] = [
  parsed(
    'JSON',
    asHandler(express.json()),
    typed('application/json', '{"a": 1, "b": [true]}'),
    /\[length\] "\{\\"a\\":1/,
  ),
  parsed(
    'JSON of a vendor',
    asHandler(express.json({ type: 'application/*+json' })),
    typed('application/vnd.api+json', '{"a": 1}'),
    /"a\\":1/,
  ),
  parsed(
    'form',
    asHandler(express.urlencoded({ extended: false })),
    typed('application/x-www-form-urlencoded', 'a=1&b=two+words&b=3'),
    /a=1&b=two%20words&b=3/,
  ),
  parsed('text', asHandler(express.text()), typed('text/plain', 'some text'), /"some text"/),
  parsed('multipart form', formParser, typed('multipart/form-data; boundary=xx', FORM), /name=\\"b\\"/),
  parsed(
    'multipart form with a field that contains the boundary',
    (req, _res, next) => {
      req.resume().on('end', () => {
        Object.assign(req, { body: { a: '--xx' } });
        next();
      });
    },
    typed('multipart/form-data; boundary=xx', FORM),
    /< HTTP\/1.1 400/,
    {
      differs: { both: [failsWith('ERR_BAD_REQUEST', '400 Bad Request')] },
      free: {
        why: 'how much of an aborted request arrives',
        leaveOut: (seen) => {
          seen.upstreams = {};
        },
      },
    },
  ),
  parsed(
    'gzipped JSON',
    asHandler(express.json()),
    typed('application/json', latin1(gzipSync('{"a": 1}')), ['Content-Encoding: gzip']),
    /content-encoding: gzip/,
    {
      free: {
        why: 'zlib may choose other bytes for the same text',
        leaveOut: (seen) => {
          for (const message of requestsOf(seen)) {
            message.body = '';
            setHeader(message, 'content-length', undefined);
          }
        },
      },
    },
  ),
  parsed(
    'nothing parsed',
    (_req, _res, next) => next(),
    typed('application/json', '{"raw": 1}'),
    /\{\\"raw\\": 1\}/,
  ),
  parsed(
    'nothing parsed, chunked',
    (_req, _res, next) => next(),
    request(
      'POST /b',
      ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
      '3\r\n"a"\r\n0\r\n\r\n',
    ),
    /\\"a\\"/,
  ),
  parsed('GET without a body', asHandler(express.json()), request('GET /b'), /> GET \/b/),
  parsed('empty JSON object', asHandler(express.json()), typed('application/json', '{}'), /"\{\}"/),
  parsed(
    'body changed by a listener before',
    asHandler(express.json()),
    typed('application/json', '{"a": 1}'),
    /injected/,
    {
      options: ({ url }) => ({
        target: url,
        on: {
          proxyReq: (proxyReq, req: Parameters<typeof fixRequestBody>[1]) => {
            Object.assign((req as { body?: object }).body ?? {}, { injected: 'server-only' });
            fixRequestBody(proxyReq, req);
          },
        },
      }),
    },
  ),
  parsed(
    'JSON in an Express application',
    asHandler(express.json()),
    typed('application/json', '{"a": 1}').replace('/b ', '/mounted/b '),
    /> POST \/b/,
    { host: 'express' },
  ),
  {
    topic: 'fixRequestBody',
    name: 'omitted: a parsed body is rebuilt all the same',
    stages: () => [asHandler(express.json())],
    options: ({ url }) => ({ target: url }),
    refusedFor: null,
    hangs: ['plain'],
    send: typed('application/json', '{"a":1}'),
    differs: {
      both: [
        differs(
          'a body that a parser left on req.body is sent without the helper',
          'in plain the target waits for it',
          (expected, _facts, carrier) => {
            for (const message of requestsOf(expected))
              Object.assign(message, { body: '{"a":1}', cut: false });
            expected.responses = [fromUpstream(response('200 OK', [], 'hello'), carrier)];
            expected.calls = [];
            expected.crashes = [];
          },
        ),
      ],
    },
    shows: /CUT OFF/,
  },
];
