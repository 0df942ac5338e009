import { Readable } from 'node:stream';
import express from 'express';
import { fixRequestBody, responseInterceptor } from 'http-proxy-middleware';
import type { Handler } from '../../../lib/core/exchange.js';
import { retry } from '../../../lib/retry/retry.js';
import { noting } from '../support/noting-agent.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

/** A call with `retry()` in front: checks on the wire what the page says of it. */
export type RetryCase = Pick<
  ParityCase,
  'topic' | 'name' | 'options' | 'upstreams' | 'send' | 'stages' | 'waitsFor'
> & {
  readonly shows: readonly RegExp[];
  readonly lacks?: readonly RegExp[];
};

/** Attempts without back-off. */
export const withRetry = (...stages: Handler[]): Handler[] => [
  ...stages,
  retry({ initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false }),
];

const failing = response('503 Service Unavailable', ['X-From: first'], 'busy');
const then = (...replies: string[]) => ({ main: { replies: [failing, ...replies] } });
const hello = response('200 OK', ['X-From: second'], 'hello');
const put = request('PUT /p', ['Content-Type: application/json'], '{"a":1}');

export const RETRY_CASES: readonly RetryCase[] = [
  {
    topic: 'target',
    name: 'the failed response is not seen',
    upstreams: then(hello),
    options: ({ url }) => ({ target: url }),
    shows: [/> GET[\s\S]*> GET/, /x-from: second/],
    lacks: [/x-from: first/, /busy/],
  },
  {
    topic: 'router',
    name: 'router, pathFilter and pathRewrite run once per call',
    upstreams: then(hello),
    options: (world) => ({
      router: () => {
        world.note('router');
        return world.url;
      },
      pathFilter: () => {
        world.note('filter');
        return true;
      },
      pathRewrite: (path) => {
        world.note('rewrite');
        return `${path}x`;
      },
    }),
    shows: [/> GET \/x [\s\S]*> GET \/x /, /calls\n +filter\n +router\n +rewrite\n$/],
  },
  {
    topic: 'on.start',
    name: 'once per call; proxyReq once per attempt; proxyRes and end once, for the response that is passed on',
    upstreams: then(hello),
    options: (world) => ({
      target: world.url,
      on: world.listeners({}, ['start', 'proxyReq', 'proxyRes', 'end']),
    }),
    shows: [/calls\n +start .*\n +proxyReq .*\n +proxyReq .*\n +proxyRes 200 OK\n +end 200\n$/],
  },
  {
    topic: 'on.proxyReq',
    name: 'what it sets is in each attempt',
    upstreams: then(hello),
    options: ({ url }) => ({
      target: url,
      on: { proxyReq: (proxyReq) => void proxyReq.setHeader('x-set', '1') },
    }),
    shows: [/x-set: 1[\s\S]*x-set: 1/],
  },
  {
    topic: 'on.proxyReq',
    name: 'what it throws is not retried',
    options: (world) => ({
      target: world.url,
      on: {
        proxyReq: () => {
          world.note('proxyReq');
          throw new Error('hook');
        },
      },
    }),
    shows: [/calls\n +proxyReq\n +next\(ERR_INTERNAL\)\n$/],
  },
  {
    topic: 'on.error',
    name: 'once, if no attempt is left',
    upstreams: { main: { replies: [({ reset }) => reset()] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    shows: [/main: 3 connection/, /calls\n +error ERR_UPSTREAM_RESET .*\n +next\(ERR_UPSTREAM_RESET\)\n$/],
  },
  {
    topic: 'responseInterceptor',
    name: 'gets only the response that is passed on',
    upstreams: then(hello),
    options: (world) => ({
      target: world.url,
      selfHandleResponse: true,
      on: {
        proxyRes: responseInterceptor(async (buffer, proxyRes) => {
          world.note(`interceptor ${proxyRes.statusCode}`);
          return buffer.toString().toUpperCase();
        }),
      },
    }),
    shows: [/calls\n +interceptor 200\n$/, /"HELLO"/],
    lacks: [/x-from: first/],
  },
  {
    topic: 'selfHandleResponse',
    name: 'gets the last failure, when no attempt is left',
    upstreams: { main: { replies: [failing] } },
    options: ({ url }) => ({
      target: url,
      selfHandleResponse: true,
      on: {
        proxyRes: (proxyRes, _req, res) => {
          proxyRes.resume();
          res.end(`handled ${proxyRes.statusCode}`);
        },
      },
    }),
    shows: [/> GET[\s\S]*> GET[\s\S]*> GET/, /"handled 503"/],
  },
  {
    topic: 'fixRequestBody',
    name: 'writes the body of each attempt',
    upstreams: then(hello),
    stages: () => withRetry(express.json() as Handler),
    options: ({ url }) => ({ target: url, on: { proxyReq: fixRequestBody } }),
    send: put,
    shows: [/\[length\] "\{\\"a\\":1\}"[\s\S]*\[length\] "\{\\"a\\":1\}"/, /"hello"/],
  },
  {
    topic: 'buffer',
    name: 'is kept like a body, and sent again',
    upstreams: then(hello),
    options: ({ url }) => ({ target: url, buffer: Readable.from([Buffer.from('kept!!!')]) }),
    send: put,
    shows: [/"kept!!!"[\s\S]*"kept!!!"/, /"hello"/],
  },
  {
    topic: 'agent',
    name: 'carries each attempt',
    upstreams: { main: { replies: [({ reset }) => reset(), hello] } },
    options: (world) => ({ target: world.url, agent: noting(world) }),
    shows: [/calls\n +agent connects.*\n +agent connects/, /"hello"/],
  },
  {
    topic: 'followRedirects',
    name: 'the last response is judged; another attempt starts over',
    upstreams: {
      main: {
        replies: [
          response('302 Found', ['Location: /there']),
          failing,
          response('302 Found', ['Location: /there']),
          hello,
        ],
      },
    },
    options: ({ url }) => ({ target: url, followRedirects: true }),
    send: request('GET /here'),
    shows: [/> GET \/here[\s\S]*> GET \/there[\s\S]*> GET \/here[\s\S]*> GET \/there/, /"hello"/],
  },
  {
    topic: 'forward',
    name: 'one copy per call',
    upstreams: { ...then(hello), other: { replies: [response('200 OK')] } },
    options: (world) => ({ target: world.url, forward: world.at('other').url }),
    waitsFor: (world) => world.at('other').requests().length > 0,
    send: put,
    shows: [/upstream other: 1 connection\(s\)\n +> PUT[^>]*(> (?!PUT)[^\n]*\n *)*client/, /"hello"/],
  },
  {
    topic: 'logger',
    name: 'a line for the response that is passed on',
    upstreams: then(hello),
    options: (world) => {
      const write = (line: string) => world.note(line);
      return { target: world.url, logger: { info: write, warn: write, error: write } };
    },
    shows: [/calls\n +\[HPM\] GET .* \[200\]\n$/],
  },
  {
    topic: 'method',
    name: 'the method that is sent decides whether it may be sent again',
    upstreams: then(hello),
    options: ({ url }) => ({ target: url, method: 'POST' }),
    shows: [/< HTTP\/1.1 503/],
    lacks: [/> POST[\s\S]*> POST/],
  },
  {
    topic: 'secure',
    name: 'a refused certificate is not retried',
    upstreams: { main: { tls: true, replies: [hello] } },
    options: ({ url }) => ({ target: url }),
    shows: [/main: 1 connection/, /next\(ERR_UPSTREAM_TLS\)/],
  },
  {
    topic: 'proxyTimeout',
    name: 'an attempt that exceeds it is retried',
    upstreams: { main: { replies: [() => {}, hello] } },
    options: ({ url }) => ({ target: url, proxyTimeout: 100 }),
    shows: [/> GET[\s\S]*> GET/, /"hello"/],
  },
  {
    topic: 'timeout',
    name: 'ends the call with all its attempts',
    upstreams: { main: { replies: [() => {}] } },
    options: ({ url }) => ({ target: url, timeout: 100 }),
    shows: [/no response/, /main: 1 connection/],
  },
  {
    topic: 'cookieDomainRewrite',
    name: 'rewrites the response that is passed on',
    upstreams: then(response('200 OK', ['Set-Cookie: a=1; Domain=old.example'])),
    options: ({ url }) => ({ target: url, cookieDomainRewrite: 'new.example' }),
    shows: [/set-cookie: a=1; Domain=new.example/],
  },
  {
    topic: 'target.socketPath',
    name: 'each attempt goes to it',
    upstreams: { main: { unix: true, replies: [failing, hello] } },
    options: (world) => ({ target: { socketPath: world.at('main').socketPath ?? '' } }),
    shows: [/> GET[\s\S]*> GET/, /"hello"/],
  },
];
