import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import express from 'express';
import { fixRequestBody, responseInterceptor } from 'http-proxy-middleware';
import type { Handler } from '../../../lib/exchange.js';
import { answered, differs, failsWith, requestsOf, setField } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { answer, request } from '../support/wire.js';

const latin1 = (buffer: Buffer) => buffer.toString('latin1');
const upper = responseInterceptor(async (buffer) => buffer.toString('latin1').toUpperCase());
const intercepted =
  (interceptor = upper) =>
  ({ url }: { url: string }) => ({ target: url, selfHandleResponse: true, on: { proxyRes: interceptor } });

const internal = failsWith('ERR_INTERNAL', '500 Internal Server Error');

const fromTarget = differs(
  'fields of the answer are those that `forward()` passes on',
  '`Via`, and no hop-by-hop',
  (expected, _facts) => {
    for (const message of expected.answers) message.fields.push(['via', '1.1 resilient-proxy-out']);
  },
);

const coded = (coding: string, body: Buffer): ParityCase => ({
  topic: 'responseInterceptor',
  rewrittenByHook: true,
  name: `answer coded with ${coding}`,
  upstreams: {
    main: {
      replies: [answer('200 OK', [`Content-Encoding: ${coding}`, 'Content-Type: text/plain'], latin1(body))],
    },
  },
  options: intercepted(),
  plugin: true,
  shows: /"HELLO, WORLD"/,
});

const HELLO = Buffer.from('hello, world');

const INTERCEPTOR_CASES: readonly ParityCase[] = [
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'changes the body',
    options: intercepted(),
    plugin: true,
    shows: [/"HELLO"/, /< content-length: 5/],
  },
  coded('gzip', gzipSync(HELLO)),
  coded('deflate', deflateSync(HELLO)),
  coded('br', brotliCompressSync(HELLO)),
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'gets the answer and the call, and may change status and fields',
    upstreams: {
      main: {
        replies: [
          answer('201 Created', ['X-A: 1', 'Set-Cookie: a=1; Domain=x.example', 'Set-Cookie: b=2'], 'x'),
        ],
      },
    },
    options: (world) => ({
      target: world.url,
      selfHandleResponse: true,
      on: {
        proxyRes: responseInterceptor(async (buffer, proxyRes, req, res) => {
          world.note(`interceptor ${proxyRes.statusCode} ${req.method} ${req.url} ${buffer.length}`);
          res.statusCode = 299;
          res.statusMessage = 'Fine';
          res.setHeader('x-b', '2');
          res.removeHeader('x-a');
          return 'other';
        }),
      },
    }),
    answeredByHook: true,
    differs: { both: [fromTarget] },
    shows: [/interceptor 201 GET \/ 1/, /< HTTP\/1.1 299 Fine/, /x-b: 2/],
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'answer in chunks with trailers',
    upstreams: {
      main: {
        replies: [
          'HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
        ],
      },
    },
    options: intercepted(),
    shows: /"ABC"/,
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'HEAD and 204',
    upstreams: {
      main: {
        replies: [
          answer('200 OK', [], '').replace('Length: 0', 'Length: 9'),
          answer('204 No Content').replace(/Content-Length: 0\r\n/, ''),
        ],
      },
    },
    options: intercepted(),
    send: [request('HEAD /'), request('GET /')],
    shows: [/< HTTP\/1.1 204/],
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'throws',
    options: intercepted(
      responseInterceptor(() => {
        throw new Error('hook');
      }),
    ),
    hangs: ['plain'],
    differs: { both: [internal] },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'rejects',
    options: intercepted(responseInterceptor(() => Promise.reject(new Error('hook')))),
    hangs: ['plain'],
    differs: { both: [internal] },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'answer that is not coded as it says',
    upstreams: { main: { replies: [answer('200 OK', ['Content-Encoding: gzip'], 'not gzip')] } },
    options: intercepted(),
    answeredByHook: true,
    shows: /Error fetching proxied request/,
  },
  {
    topic: 'selfHandleResponse',
    name: 'listener that pipes the answer',
    options: ({ url }) => ({
      target: url,
      selfHandleResponse: true,
      on: {
        proxyRes: (proxyRes, _req, res) => {
          res.writeHead(202, { date: 'Mon, 23 Nov 2026 10:00:00 GMT' });
          proxyRes.pipe(res);
        },
      },
    }),
    answeredByHook: true,
    plugin: true,
    shows: [/< HTTP\/1.1 202 Accepted/, /"hello"/],
  },
  {
    topic: 'selfHandleResponse',
    name: 'listener that waits before it answers',
    options: ({ url }) => ({
      target: url,
      selfHandleResponse: true,
      on: {
        proxyRes: async (proxyRes, _req, res) => {
          let body = '';
          for await (const chunk of proxyRes) body += String(chunk);
          res
            .writeHead(202, { date: 'Mon, 23 Nov 2026 10:00:00 GMT', 'content-length': body.length })
            .end(body);
        },
      },
    }),
    answeredByHook: true,
    shows: /"hello"/,
  },
  {
    topic: 'selfHandleResponse',
    name: 'in the proxyReq listener, for one call',
    options: ({ url }) => ({
      target: url,
      on: {
        proxyReq: (_proxyReq, _req, _res, options) => {
          options.selfHandleResponse = true;
        },
        proxyRes: (proxyRes, _req, res) => {
          proxyRes.resume();
          res.writeHead(202, { date: 'Mon, 23 Nov 2026 10:00:00 GMT' }).end('own');
        },
      },
    }),
    refusedFor: 'on.proxyReq',
    answeredByHook: true,
    shows: /"own"/,
  },
  {
    topic: 'selfHandleResponse',
    name: 'listener that throws',
    options: ({ url }) => ({
      target: url,
      selfHandleResponse: true,
      on: {
        proxyRes: () => {
          throw new Error('hook');
        },
      },
    }),
    hangs: ['plain'],
    differs: { both: [internal] },
    shows: /uncaughtException: hook/,
  },
];

const typed = (type: string, body: string, fields: string[] = []) =>
  request('POST /b', [`Content-Type: ${type}`, ...fields], body);

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
/** A parser as multer would be: it leaves the fields of a form. */
const formParser: Handler = (req, _res, next) => {
  req.resume().on('end', () => {
    Object.assign(req, { body: { a: '1', b: 'two words' } });
    next();
  });
};
const FORM = '--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xx--\r\n';

const BODY_CASES: readonly ParityCase[] = [
  parsed(
    'JSON',
    asHandler(express.json()),
    typed('application/json', '{"a": 1, "b": [true]}'),
    /\[length\] "\{\\"a\\":1/,
    { plugin: true },
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
    'multipart form with a boundary that its field holds',
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
        why: 'how much of a request that is broken off arrives',
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
            setField(message, 'content-length', undefined);
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
    name: 'left out: a parsed body is written anew all the same',
    stages: () => [asHandler(express.json())],
    options: ({ url }) => ({ target: url }),
    refusedFor: null,
    hangs: ['plain'],
    send: typed('application/json', '{"a":1}'),
    differs: {
      both: [
        differs(
          'a body that a parser left on req.body goes on without the helper',
          'plain leaves the target waiting for it',
          (expected, _facts, carrier) => {
            for (const message of requestsOf(expected))
              Object.assign(message, { body: '{"a":1}', cut: false });
            expected.answers = [answered(answer('200 OK', [], 'hello'), carrier)];
            expected.calls = [];
            expected.crashes = [];
          },
        ),
      ],
    },
    shows: /CUT OFF/,
  },
];

/** The helpers of http-proxy-middleware. */
export const HELPER_CASES: readonly ParityCase[] = [...INTERCEPTOR_CASES, ...BODY_CASES];
