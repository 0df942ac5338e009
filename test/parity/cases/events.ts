import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { differs, failsWith, requestsOf, setHeader } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';
import { ALL_EVENTS, PLAIN_EVENTS, type World } from '../support/world.js';

const post = request('POST /p', ['Content-Type: text/plain'], 'body');
const fail = (): never => {
  throw new Error('hook');
};
const reject = (): Promise<never> => Promise.reject(new Error('hook'));

const viaAdded = differs('`Via` is added to each response', 'RFC 9110 §7.6.3', (expected) => {
  for (const message of expected.responses) message.headers.push(['via', '1.1 resilient-proxy-out']);
});

const noCrash = differs('the process survives', 'plain crashes', (expected) => {
  expected.crashes = [];
});

const internal = failsWith('ERR_INTERNAL', '500 Internal Server Error');

const withListeners =
  (more: NonNullable<ForwardOptions['on']> = {}, names = ALL_EVENTS) =>
  (world: World): ForwardOptions => ({ target: world.url, on: world.listeners(more, names) });

/** The other events of `on`, their order and arguments. */
export const EVENT_CASES: readonly ParityCase[] = [
  {
    topic: 'on.start',
    name: 'with the call and its target',
    options: (world) => ({ target: world.url, on: world.listeners({}, PLAIN_EVENTS) }),
    send: [request('GET /1'), post],
    shows: /start http:\/\/127.0.0.1:\{main\}\/\n +start/,
  },
  {
    topic: 'on.start',
    name: 'throws',
    options: (world) => ({ target: world.url, on: world.listeners({ start: fail }, ['start']) }),
    differs: { both: [internal] },
    free: callsAside(),
    shows: /start/,
  },
  {
    topic: 'on.start',
    name: 'rejects',
    options: (world) => ({
      target: world.url,
      on: world.listeners({ start: reject as () => void }, ['start']),
    }),
    differs: { both: [internal] },
    free: callsAside(),
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'on.proxyReq',
    name: 'in order with the other events',
    options: withListeners(),
    send: [request('GET /1'), post],
    shows: /start .*\n +proxyReq GET \/1 .*\n +proxyRes 200 OK\n +end 200/,
  },
  {
    topic: 'on.proxyReq',
    name: 'sets, replaces and removes headers',
    options: withListeners({
      proxyReq: (proxyReq) => {
        proxyReq.setHeader('x-added', ['1', '2']);
        proxyReq.setHeader('X-Mine', 'ours');
        proxyReq.removeHeader('x-secret');
      },
    }),
    send: request('GET /', ['X-Mine: theirs', 'X-Secret: 1']),
    shows: [/x-added: 1\n.*x-added: 2/, /x-mine: ours/],
  },
  {
    topic: 'on.proxyReq',
    name: 'of a call that expects 100-continue',
    options: withListeners(),
    send: request('POST /e', ['Expect: 100-continue'], 'body'),
    differs: {
      both: [
        differs(
          '`proxyReq` is emitted for a call with `Expect`, which is handled here',
          'plain does not emit it for such a call',
          (expected) => {
            for (const message of requestsOf(expected)) setHeader(message, 'expect', undefined);
            expected.calls.splice(1, 0, 'proxyReq POST /e to http://127.0.0.1:{main}/');
          },
        ),
      ],
    },
    shows: /start .*\n +proxyRes/,
  },
  {
    topic: 'on.proxyReq',
    name: 'changes path and method',
    options: withListeners({
      proxyReq: (proxyReq) => {
        proxyReq.path = '/changed';
        proxyReq.method = 'DELETE';
      },
    }),
    shows: /> DELETE \/changed /,
  },
  {
    topic: 'on.proxyReq',
    name: 'writes another body',
    options: withListeners({
      proxyReq: (proxyReq) => {
        proxyReq.setHeader('content-length', 5);
        proxyReq.end('fresh');
      },
    }),
    hangs: ['plain'],
    send: request('GET /'),
    shows: /"fresh"/,
  },
  {
    topic: 'on.proxyReq',
    name: 'responds by itself',
    options: withListeners({
      proxyReq: (proxyReq, _req, res) => {
        proxyReq.destroy();
        res.writeHead(403, { date: 'Mon, 23 Nov 2026 10:00:00 GMT' }).end('no');
      },
    }),
    answeredByHook: true,
    free: callsAside(),
    shows: /< HTTP\/1.1 403/,
  },
  {
    topic: 'on.proxyReq',
    name: 'throws',
    options: withListeners({ proxyReq: fail }),
    hangs: ['plain'],
    differs: { both: [internal] },
    free: callsAside(),
    shows: /uncaughtException: hook/,
  },
  {
    topic: 'on.proxyReq',
    name: 'rejects',
    options: withListeners({ proxyReq: reject as () => void }),
    differs: { both: [internal] },
    free: callsAside(),
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'on.proxyRes',
    name: 'adds and removes headers of the response',
    upstreams: { main: { replies: [response('200 OK', ['X-Secret: 1', 'X-Other: 1'], 'x')] } },
    options: withListeners(
      {
        proxyRes: (proxyRes) => {
          proxyRes.headers['x-added'] = 'foobar';
          delete proxyRes.headers['x-secret'];
        },
      },
      ['proxyRes', 'end'],
    ),
    shows: [/< x-added: foobar/],
  },
  {
    topic: 'on.proxyRes',
    name: 'changes the status',
    options: withListeners(
      {
        proxyRes: (proxyRes) => {
          proxyRes.statusCode = 299;
          proxyRes.statusMessage = 'Changed';
        },
      },
      ['proxyRes', 'end'],
    ),
    differs: { both: [viaAdded] },
    answeredByHook: true,
    shows: /< HTTP\/1.1 299 Changed/,
  },
  {
    topic: 'on.proxyRes',
    name: 'sets headers of the response',
    options: withListeners(
      {
        proxyRes: (_proxyRes, _req, res) => {
          res.setHeader('x-set', '1');
          res.removeHeader('x-powered-by');
        },
      },
      ['proxyRes', 'end'],
    ),
    stages: () => [
      (_req, res, next) => {
        res.setHeader('x-powered-by', 'us');
        next();
      },
    ],
    shows: /< x-set: 1/,
  },
  {
    topic: 'on.proxyRes',
    name: 'responds by itself',
    options: withListeners(
      {
        proxyRes: (proxyRes, _req, res) => {
          proxyRes.resume();
          res.writeHead(418, { date: 'Mon, 23 Nov 2026 10:00:00 GMT' }).end('tea');
        },
      },
      ['proxyRes', 'end'],
    ),
    answeredByHook: true,
    shows: /< HTTP\/1.1 418/,
  },
  {
    topic: 'on.proxyRes',
    name: 'throws',
    options: withListeners({ proxyRes: fail }, ['proxyRes']),
    hangs: ['plain'],
    differs: { both: [internal] },
    free: callsAside(),
    shows: /uncaughtException: hook/,
  },
  {
    topic: 'on.proxyRes',
    name: 'rejects before the head was sent',
    options: withListeners({ proxyRes: reject as () => void }, ['proxyRes']),
    differs: { both: [internal] },
    free: {
      why: 'whether the head was sent is chance: the response fails, or breaks off',
      leaveOut: (seen) => {
        seen.responses = [];
        seen.calls = [];
      },
    },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'on.end',
    name: 'after the response',
    options: (world) => ({ target: world.url, on: world.listeners({}, ['end']) }),
    shows: /end 200/,
  },
  {
    topic: 'on.end',
    name: 'throws',
    options: (world) => ({ target: world.url, on: world.listeners({ end: fail }, ['end']) }),
    hangs: ['plain'],
    differs: { both: [noCrash] },
    shows: /uncaughtException: hook/,
  },
  {
    topic: 'on.end',
    name: 'rejects',
    options: (world) => ({ target: world.url, on: world.listeners({ end: reject as () => void }, ['end']) }),
    differs: { both: [noCrash] },
    shows: /unhandledRejection: hook/,
  },
];

/** Listeners called for an error or an end, beside the one that failed. */
function callsAside() {
  return {
    why: 'which other listeners are called for a call that a listener broke off',
    leaveOut: (seen: Observation): void => {
      seen.calls = seen.calls.filter((line) => line.startsWith('next('));
      for (const upstream of Object.values(seen.upstreams))
        Object.assign(upstream, { connections: 1, requests: [] });
    },
  };
}
