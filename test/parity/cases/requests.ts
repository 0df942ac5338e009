import { differs, failsWith, pathAlone, requestsOf, setHeader } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const target = { options: ({ url }: { url: string }) => ({ target: url }) };

/** Requests of every kind, with a target as the only option. */
export const REQUEST_CASES: readonly ParityCase[] = [
  {
    topic: 'target',
    name: 'GET without a body',
    ...target,
    shows: [/> GET \/ /, /< HTTP\/1.1 200 OK/],
  },
  {
    topic: 'target',
    name: 'path, query and odd characters',
    ...target,
    send: request("GET /a%20b/c;d=1/~x?q=1&q=2&e=%2F&x='%5B"),
    shows: /> GET \/a%20b\/c;d=1\/~x\?q=1&q=2&e=%2F&x='%5B HTTP/,
  },
  {
    topic: 'target',
    name: 'double slashes and a question mark alone',
    ...target,
    send: [request('GET //a//b'), request('GET /?')],
    shows: /> GET \/\/a\/\/b /,
  },
  {
    topic: 'target',
    name: 'request line in absolute form',
    ...target,
    send: request('GET http://elsewhere.example/x?y'),
    differs: { both: [pathAlone()] },
    shows: /> GET \/http:\/\/elsewhere/,
  },
  ...(
    [
      [
        'path with a fragment',
        request('GET /a#/../b'),
        'targets differ in what they make of it (RFC 9112 §3.2.1)',
      ],
      ['several Host headers', request('GET /', ['Host: a.example', 'Host: b.example']), 'RFC 9112 §3.2'],
      ['Host that is not valid', request('GET /', ['Host: a b']), 'RFC 9112 §3.2'],
    ] as const
  ).map(
    ([name, send, why]): ParityCase => ({
      topic: 'target',
      name,
      ...target,
      send,
      differs: {
        both: [
          differs('a request that each hop could read in another way is refused', why, (expected) => {
            expected.upstreams = { main: { connections: 0, requests: [] } };
          }),
          failsWith('ERR_BAD_REQUEST', '400 Bad Request'),
        ],
      },
      shows: />/,
    }),
  ),
  {
    topic: 'target',
    name: 'body with a length',
    ...target,
    send: request('POST /p', ['Content-Type: text/plain'], 'some body'),
    shows: /\[length\] "some body"/,
  },
  {
    topic: 'target',
    name: 'empty body with a length of 0',
    ...target,
    send: request('POST /p', ['Content-Length: 0']),
    shows: /content-length: 0/,
  },
  {
    topic: 'target',
    name: 'chunked body',
    ...target,
    send: request('PUT /p', ['Transfer-Encoding: chunked'], '4\r\nsome\r\n5\r\n body\r\n0\r\n\r\n'),
    shows: /\[chunked\] "some body"/,
  },
  {
    topic: 'target',
    name: 'multipart body, byte by byte',
    ...target,
    send: request(
      'POST /p',
      ['Content-Type: multipart/form-data; boundary=xx'],
      '--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\xff\x00\r\n--xx--\r\n',
    ),
    shows: /multipart\/form-data; boundary=xx/,
  },
  {
    topic: 'target',
    name: 'DELETE without a body',
    ...target,
    send: request('DELETE /d'),
    shows: /> content-length: 0/,
  },
  {
    topic: 'target',
    name: 'OPTIONS without a body',
    ...target,
    send: request('OPTIONS /o'),
    shows: /> content-length: 0/,
  },
  {
    topic: 'target',
    name: 'DELETE with a body',
    ...target,
    send: request('DELETE /d', [], 'why'),
    shows: /\[length\] "why"/,
  },
  {
    topic: 'target',
    name: 'two calls on one connection',
    ...target,
    send: [request('GET /1'), request('GET /2')],
    shows: [/> GET \/1/, /> GET \/2/],
  },
  {
    topic: 'target',
    name: 'repeated headers of a request',
    ...target,
    send: request('GET /r', [
      'Accept: a/b',
      'X-Many: 1',
      'Accept: c/d',
      'X-Many: 2',
      'Cookie: a=1',
      'Cookie: b=2',
    ]),
    shows: [/accept: a\/b, c\/d/, /cookie: a=1; b=2/],
  },
  {
    topic: 'target',
    name: 'bytes above ASCII in headers',
    ...target,
    upstreams: { main: { replies: [response('200 OK', ['X-Name: caf\xe9'], '\xff\xfe')] } },
    send: request('GET /l', ['X-Name: caf\xe9']),
    shows: /> x-name: caf\xe9/,
  },
  {
    topic: 'target',
    name: 'expect: 100-continue',
    ...target,
    send: request('POST /e', ['Expect: 100-continue'], 'body'),
    differs: {
      both: [
        differs(
          '`Expect` is handled here and not sent on',
          'RFC 9110 §10.1.1: the body is already being read',
          (expected) => {
            for (const message of requestsOf(expected)) setHeader(message, 'expect', undefined);
          },
        ),
      ],
    },
    shows: /< HTTP\/1.1 100 Continue/,
  },
  {
    topic: 'target',
    name: 'target as a URL, as an object, and with a path and a query',
    options: ({ url }) => ({ target: new URL(`${url}/base/?key=1`) }),
    send: [request('GET /x?y=2'), request('GET /')],
    shows: /> GET \/base\/x\?key=1&y=2/,
  },
  {
    topic: 'target',
    name: 'target as a text with a path',
    options: ({ url }) => ({ target: `${url}/base` }),
    send: [request('GET /x'), request('GET /'), request('GET /?a=1')],
    shows: /> GET \/base\/x /,
  },
  {
    topic: 'target',
    name: 'target as an object',
    options: (world) => ({ target: { protocol: 'http:', host: '127.0.0.1', port: world.at('main').port } }),
    send: request('GET /o'),
    shows: /> GET \/o /,
  },
  {
    topic: 'target',
    name: 'target as an object with a path',
    options: (world) => ({
      target: { hostname: '127.0.0.1', port: world.at('main').port, pathname: '/base' },
    }),
    send: request('GET /o'),
    shows: /> GET \/base\/o /,
  },
  {
    topic: 'changeOrigin',
    name: 'Host of the target',
    options: ({ url }) => ({ target: url, changeOrigin: true }),
    shows: /> host: 127.0.0.1:\{main\}/,
  },
  {
    topic: 'changeOrigin',
    name: 'false leaves the Host of the client',
    options: ({ url }) => ({ target: url, changeOrigin: false }),
    shows: /> host: app.example/,
  },
];
