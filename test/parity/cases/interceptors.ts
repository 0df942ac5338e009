import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { responseInterceptor } from 'http-proxy-middleware';
import { differs, failsWith, refusedAtOnce, setHeader } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const latin1 = (buffer: Buffer) => buffer.toString('latin1');
const upper = responseInterceptor(async (buffer) => buffer.toString('latin1').toUpperCase());
const intercepted =
  (interceptor = upper) =>
  ({ url }: { url: string }) => ({ target: url, selfHandleResponse: true, on: { proxyRes: interceptor } });

const internal = failsWith('ERR_INTERNAL', '500 Internal Server Error');

const fromTarget = differs(
  'headers of the response are those that `forward()` passes on',
  '`Via`, and no hop-by-hop headers',
  (expected, _facts) => {
    for (const message of expected.responses) message.headers.push(['via', '1.1 resilient-proxy-out']);
  },
);

const freeFraming = {
  why: 'how the response of an error handler is framed',
  leaveOut: (seen: Observation): void => {
    for (const message of seen.responses) {
      setHeader(message, 'transfer-encoding', undefined);
      setHeader(message, 'content-length', undefined);
      message.framing = 'length';
    }
  },
};

const coded = (coding: string, body: Buffer): ParityCase => ({
  topic: 'responseInterceptor',
  rewrittenByHook: true,
  name: `response coded with ${coding}`,
  upstreams: {
    main: {
      replies: [
        response('200 OK', [`Content-Encoding: ${coding}`, 'Content-Type: text/plain'], latin1(body)),
      ],
    },
  },
  options: intercepted(),
  shows: /"HELLO, WORLD"/,
});

const HELLO = Buffer.from('hello, world');

/** `selfHandleResponse` and `responseInterceptor`. */
export const INTERCEPTOR_CASES: readonly ParityCase[] = [
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'changes the body',
    options: intercepted(),
    shows: [/"HELLO"/, /< content-length: 5/],
  },
  coded('gzip', gzipSync(HELLO)),
  coded('deflate', deflateSync(HELLO)),
  coded('br', brotliCompressSync(HELLO)),
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'gets the response and the call, and may change status and headers',
    upstreams: {
      main: {
        replies: [
          response('201 Created', ['X-A: 1', 'Set-Cookie: a=1; Domain=x.example', 'Set-Cookie: b=2'], 'x'),
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
    name: 'response in chunks with trailers',
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
          response('200 OK', [], '').replace('Length: 0', 'Length: 9'),
          response('204 No Content').replace(/Content-Length: 0\r\n/, ''),
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
    upstreams: { main: { replies: [response('200 OK', ['X-Upstream: 1', 'Set-Cookie: a=1'], 'hello')] } },
    free: freeFraming,
    hangs: ['plain'],
    differs: { both: [internal] },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'rejects',
    options: intercepted(responseInterceptor(() => Promise.reject(new Error('hook')))),
    upstreams: { main: { replies: [response('200 OK', ['X-Upstream: 1', 'Set-Cookie: a=1'], 'hello')] } },
    free: freeFraming,
    hangs: ['plain'],
    differs: { both: [internal] },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'responseInterceptor',
    rewrittenByHook: true,
    name: 'response that is not coded as it says',
    upstreams: { main: { replies: [response('200 OK', ['Content-Encoding: gzip'], 'not gzip')] } },
    options: intercepted(),
    answeredByHook: true,
    shows: /Error fetching proxied request/,
  },
  {
    topic: 'selfHandleResponse',
    name: 'listener that pipes the response',
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
    shows: [/< HTTP\/1.1 202 Accepted/, /"hello"/],
  },
  {
    topic: 'selfHandleResponse',
    name: 'listener that waits before it responds',
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
  {
    topic: 'selfHandleResponse',
    name: 'without a listener',
    options: ({ url }) => ({ target: url, selfHandleResponse: true }),
    hangs: ['plain'],
    ...refusedAtOnce('selfHandleResponse', 'the call would hang'),
    shows: /no response/,
  },
];
