import { format } from 'node:util';
import {
  debugProxyErrorsPlugin,
  definePlugin,
  errorResponsePlugin,
  loggerPlugin,
  proxyEventsPlugin,
} from 'http-proxy-middleware';
import { differs, failsWith, thrownByFilter } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';
import type { World } from '../support/world.js';

/** A logger that records its lines. */
const logger = (world: World) => {
  const at =
    (level: string) =>
    (...args: unknown[]): void =>
      world.note(`${level}: ${format(...args)}`);
  return { info: at('info'), warn: at('warn'), error: at('error') };
};

const internal = failsWith('ERR_INTERNAL', '500 Internal Server Error');
const nobody = { main: { refuses: true } };
const FOUR = [debugProxyErrorsPlugin, loggerPlugin, errorResponsePlugin, proxyEventsPlugin];

/** Plugins, the four of http-proxy-middleware included, and what it writes to a logger. */
export const PLUGIN_CASES: readonly ParityCase[] = [
  {
    topic: 'logger',
    name: 'a line for each response',
    upstreams: { main: { replies: [response('200 OK', [], 'x'), response('404 Not Found')] } },
    options: (world) => ({ target: world.url, logger: logger(world) }),
    send: [request('GET /1?a=b'), request('POST /2', [], 'body')],
    shows: [/info: \[HPM\] GET \/1\?a=b -> http:\/\/127.0.0.1:\{main\}\/1\?a=b \[200\]/, /\[404\]/],
  },
  {
    topic: 'logger',
    name: 'with a rewritten path and a path in the target',
    options: (world) => ({
      target: `${world.url}/base`,
      pathRewrite: { '^/a': '/b' },
      logger: logger(world),
    }),
    send: request('GET /a/c'),
    shows: /info: \[HPM\] GET \/b\/c -> http:\/\/127.0.0.1:\{main\}\/base\/b\/c/,
  },
  {
    topic: 'logger',
    name: 'under a mounted path of Express, which is in the line',
    host: 'express',
    options: (world) => ({ target: world.url, logger: logger(world) }),
    send: request('GET /mounted/c'),
    shows: /GET \/mounted\/c -> http:\/\/127.0.0.1:\{main\}\/c/,
  },
  {
    topic: 'logger',
    name: 'an error',
    upstreams: nobody,
    options: (world) => ({ target: world.url, logger: logger(world) }),
    differs: { both: [failsWith('ERR_UPSTREAM_CONNECT', '502 Bad Gateway')] },
    shows: /error: \[HPM\] Error occurred while proxying request app.example\/ to http:.*ECONNREFUSED/,
  },
  {
    topic: 'logger',
    name: 'pathFilter that throws',
    options: (world) => ({
      target: world.url,
      logger: logger(world),
      pathFilter: () => {
        throw new Error('odd filter');
      },
    }),
    differs: { both: [thrownByFilter('odd filter')] },
    shows: /error: Error: odd filter/,
    free: {
      why: 'the stack that is printed with it',
      leaveOut: (seen) => {
        seen.calls = seen.calls.map((line) => line.split('\n')[0] ?? '');
      },
    },
  },
  {
    topic: 'plugins',
    name: 'that listens to proxyReq and proxyRes',
    refusedFor: null,
    perCall: true,
    options: (world) => ({
      target: world.url,
      plugins: [
        (server, options) => {
          world.note(`plugin for ${String(options.target).replace(/\/$/, '')}`);
          server.on('proxyReq', (proxyReq) => {
            world.note(`plugin proxyReq ${proxyReq.path}`);
            proxyReq.setHeader('x-plugged', '1');
          });
          server.on('proxyRes', (proxyRes) => world.note(`plugin proxyRes ${proxyRes.statusCode}`));
        },
      ],
    }),
    shows: [/plugin for/, /x-plugged: 1/, /plugin proxyRes 200/],
  },
  {
    topic: 'plugins',
    name: 'that listens to start and error alone',
    options: (world) => ({
      target: world.url,
      plugins: [
        definePlugin((server) => {
          server.on('start', (req) => world.note(`plugin start ${req.url}`));
          server.on('error', () => world.note('plugin error'));
        }),
      ],
    }),
    shows: /plugin start \//,
  },
  {
    topic: 'plugins',
    name: 'two, beside on: in their order',
    perCall: true,
    options: (world) => ({
      target: world.url,
      on: { proxyReq: () => world.note('on') },
      plugins: [
        (server) => void server.on('proxyReq', () => world.note('first')),
        (server) => void server.on('proxyReq', () => world.note('second')),
      ],
    }),
    shows: /on\n +first\n +second/,
  },
  {
    topic: 'plugins',
    name: 'listener that throws',
    perCall: true,
    hangs: ['plain'],
    options: (world) => ({
      target: world.url,
      plugins: [
        (server) =>
          void server.on('proxyReq', () => {
            throw new Error('plugin');
          }),
      ],
    }),
    differs: { both: [internal] },
    free: {
      why: 'whether there was a connection already',
      leaveOut: (seen) => {
        seen.upstreams = {};
      },
    },
    shows: /uncaughtException: plugin/,
  },
  {
    topic: 'plugins',
    name: 'that throws when it is registered',
    options: (world) => ({
      target: world.url,
      plugins: [
        () => {
          throw new Error('no plugin today');
        },
      ],
    }),
    shows: /refused: Error: no plugin today/,
  },
  {
    topic: 'ejectPlugins',
    name: 'without plugins',
    options: ({ url }) => ({ target: url, ejectPlugins: true }),
    send: [request('GET /1'), request('POST /2', [], 'x')],
    shows: /> POST \/2/,
  },
  {
    topic: 'ejectPlugins',
    name: 'on is not listened to without its plugin',
    perCall: true,
    options: (world) => ({ target: world.url, ejectPlugins: true, on: world.listeners({}, ['proxyRes']) }),
    shows: /"hello"/,
  },
  {
    topic: 'ejectPlugins',
    name: 'all four added by hand, listeners run once',
    perCall: true,
    options: (world) => ({
      target: world.url,
      ejectPlugins: true,
      plugins: FOUR,
      logger: logger(world),
      on: world.listeners({}, ['proxyReq', 'proxyRes', 'end']),
    }),
    shows: [/proxyReq GET/, /info: \[HPM\] GET \/ ->/],
  },
  {
    topic: 'ejectPlugins',
    name: 'proxyEventsPlugin alone',
    perCall: true,
    options: (world) => ({
      target: world.url,
      ejectPlugins: true,
      plugins: [proxyEventsPlugin],
      on: world.listeners({}, ['proxyReq', 'proxyRes']),
    }),
    shows: [/proxyReq GET/],
  },
  {
    topic: 'ejectPlugins',
    name: 'errorResponsePlugin sends error responses',
    upstreams: nobody,
    perCall: true,
    options: ({ url }) => ({
      target: url,
      ejectPlugins: true,
      plugins: [debugProxyErrorsPlugin, errorResponsePlugin],
    }),
    differs: {
      both: [
        differs('its status is 500', 'it knows socket error codes, and gets ours', (expected) => {
          for (const message of expected.responses) message.start = 'HTTP/1.1 500 Internal Server Error';
        }),
      ],
    },
    shows: [/< HTTP\/1.1 504/, /Error occurred while trying to proxy/],
  },
  {
    topic: 'ejectPlugins',
    name: 'loggerPlugin added by hand writes each line once',
    perCall: true,
    options: (world) => ({
      target: world.url,
      ejectPlugins: true,
      plugins: [loggerPlugin],
      logger: logger(world),
    }),
    shows: /info: /,
  },
];
