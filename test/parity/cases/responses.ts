import { differs } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { DATE, exactly, request, response } from '../support/wire.js';

const target = { options: ({ url }: { url: string }) => ({ target: url }) };

/** Responses of every kind, with a target as the only option. */
export const RESPONSE_CASES: readonly ParityCase[] = [
  {
    topic: 'target',
    name: 'HEAD',
    ...target,
    upstreams: { main: { replies: [exactly(['HTTP/1.1 200 OK', DATE, 'Content-Length: 1234'])] } },
    send: request('HEAD /h'),
    shows: [/> HEAD \/h/, /< content-length: 1234/],
  },
  {
    topic: 'target',
    name: '204, with a length that it must not have',
    ...target,
    upstreams: { main: { replies: [exactly(['HTTP/1.1 204 No Content', DATE, 'Content-Length: 0'])] } },
    shows: /< HTTP\/1.1 204 No Content/,
  },
  {
    topic: 'target',
    name: '304 with validators',
    ...target,
    upstreams: {
      main: { replies: [exactly(['HTTP/1.1 304 Not Modified', DATE, 'ETag: "a"', 'Vary: accept'])] },
    },
    send: request('GET /c', ['If-None-Match: "a"']),
    shows: [/if-none-match: "a"/, /< HTTP\/1.1 304 Not Modified/],
  },
  {
    topic: 'target',
    name: 'chunked response',
    ...target,
    upstreams: {
      main: {
        replies: [
          exactly(
            ['HTTP/1.1 200 OK', DATE, 'Transfer-Encoding: chunked'],
            '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
          ),
        ],
      },
    },
    shows: /\[chunked\] "abcde"/,
  },
  {
    topic: 'target',
    name: 'chunked response with trailers',
    ...target,
    upstreams: {
      main: {
        replies: [
          exactly(
            ['HTTP/1.1 200 OK', DATE, 'Trailer: x-sum', 'Transfer-Encoding: chunked'],
            '3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n',
          ),
        ],
      },
    },
    send: request('GET /t', ['TE: trailers', 'Connection: TE']),
    shows: /trailer: x-sum/,
  },
  {
    topic: 'target',
    name: 'response that ends with its connection',
    ...target,
    upstreams: {
      main: { replies: [(connection) => connection.end(exactly(['HTTP/1.1 200 OK', DATE], 'to the end'))] },
    },
    shows: /"to the end"/,
  },
  {
    topic: 'target',
    name: 'repeated headers of a response',
    ...target,
    upstreams: {
      main: {
        replies: [
          response(
            '200 OK',
            ['Vary: a', 'Link: <a>', 'Vary: b', 'Link: <b>', 'Set-Cookie: a=1', 'Set-Cookie: b=2'],
            'x',
          ),
        ],
      },
    },
    shows: [/vary: a, b/, /< set-cookie: a=1\n.*< set-cookie: b=2/],
  },
  {
    topic: 'target',
    name: 'hop-by-hop headers and those that Connection names, both ways',
    ...target,
    upstreams: {
      main: {
        replies: [
          response(
            '200 OK',
            ['Connection: keep-alive, X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=9', 'X-End: 1'],
            'x',
          ),
        ],
      },
    },
    send: request('GET /h', [
      'Connection: keep-alive, X-Mine',
      'X-Mine: 1',
      'Keep-Alive: timeout=3',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic abc',
      'TE: gzip',
      'X-End: 1',
    ]),
    shows: [/> x-mine: 1/, /< x-hop: 1/, /> proxy-authorization/],
  },
  {
    topic: 'target',
    name: 'client that closes its connection',
    ...target,
    send: request('GET /c', ['Connection: close']),
    shows: /> connection: close/,
  },
  {
    topic: 'target',
    name: 'HTTP/1.0 client',
    ...target,
    send: 'GET /old HTTP/1.0\r\nHost: app.example\r\n\r\n',
    shows: /< connection: close/,
  },
  {
    topic: 'target',
    name: 'status without a reason, and one with an odd reason',
    ...target,
    upstreams: {
      main: {
        replies: [
          exactly(['HTTP/1.1 200 ', DATE, 'Content-Length: 0']),
          exactly(['HTTP/1.1 299 All is (rather) well!', DATE, 'Content-Length: 0']),
        ],
      },
    },
    send: [request('GET /1'), request('GET /2')],
    differs: {
      undici: [
        differs(
          'an empty reason phrase stays empty',
          'RFC 9112 §4: it may be empty, and has no meaning',
          (expected) => {
            for (const message of expected.responses)
              message.start = message.start.replace(/200 OK$/, '200 ');
          },
        ),
      ],
    },
    shows: /299 All is \(rather\) well!/,
  },
];
