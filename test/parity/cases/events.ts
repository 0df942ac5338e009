import type { ForwardOptions } from '../../../lib/upstream/forward-options.js';
import { differs, failsWith } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { answer, request } from '../support/wire.js';
import { ALL_EVENTS, PLAIN_EVENTS, type World } from '../support/world.js';

const post = request('POST /p', ['Content-Type: text/plain'], 'body');
const nobody = { main: { refuses: true } };
const fail = (): never => {
  throw new Error('hook');
};
const reject = (): Promise<never> => Promise.reject(new Error('hook'));

const FIXED = 'Mon, 23 Nov 2026 10:00:00 GMT';

const errorCode = (code: string) =>
  differs(
    `listeners of \`error\` get a ProxyError, ${code}; its cause is the error that plain hands over`,
    'one kind of error for all',
    (expected) => {
      expected.calls = expected.calls.map((line) => line.replace(/^error \S+/, `error ${code}`));
    },
  );

const viaAdded = differs('`Via` is added to each answer', 'RFC 9110 §7.6.3', (expected) => {
  for (const message of expected.answers) message.fields.push(['via', '1.1 resilient-proxy-out']);
});

const noCrash = differs('the process survives', 'plain ends with it', (expected) => {
  expected.crashes = [];
});

const internal = failsWith('ERR_INTERNAL', '500 Internal Server Error');
const refused = failsWith('ERR_UPSTREAM_CONNECT', '502 Bad Gateway');
const reset = failsWith('ERR_UPSTREAM_RESET', '502 Bad Gateway');

const withListeners =
  (more: NonNullable<ForwardOptions['on']> = {}, names = ALL_EVENTS) =>
  (world: World): ForwardOptions => ({ target: world.url, on: world.listeners(more, names) });

/** The events of `on`, in their order and with what they bring. */
export const EVENT_CASES: readonly ParityCase[] = [
  {
    topic: 'on.start',
    name: 'with the call and its target',
    options: (world) => ({ target: world.url, on: world.listeners({}, PLAIN_EVENTS) }),
    send: [request('GET /1'), post],
    plugin: true,
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
    plugin: true,
    shows: /start .*\n +proxyReq GET \/1 .*\n +proxyRes 200 OK\n +end 200/,
  },
  {
    topic: 'on.proxyReq',
    name: 'sets, replaces and removes fields',
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
    name: 'answers by itself',
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
    name: 'adds and removes fields of the answer',
    upstreams: { main: { replies: [answer('200 OK', ['X-Secret: 1', 'X-Other: 1'], 'x')] } },
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
    name: 'sets fields of the response',
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
    name: 'answers by itself',
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
    name: 'rejects before the head went out',
    options: withListeners({ proxyRes: reject as () => void }, ['proxyRes']),
    differs: { both: [internal] },
    free: {
      why: 'whether the head had gone out is chance: the answer fails, or is cut off',
      leaveOut: (seen) => {
        seen.answers = [];
        seen.calls = [];
      },
    },
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'on.end',
    name: 'after the answer',
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
  {
    topic: 'on.error',
    name: 'target refuses the connection, nobody listens',
    upstreams: nobody,
    options: ({ url }) => ({ target: url }),
    differs: { both: [refused] },
    shows: [/< HTTP\/1.1 504/, /Error occurred while trying to proxy/],
  },
  {
    topic: 'on.error',
    name: 'answers by itself',
    upstreams: nobody,
    options: (world) => ({
      target: world.url,
      on: world.listeners(
        {
          error: (_error, _req, res) =>
            void ('writeHead' in res && res.writeHead(599, { date: FIXED }).end('ours')),
        },
        ['error'],
      ),
    }),
    answeredByHook: true,
    differs: { both: [errorCode('ERR_UPSTREAM_CONNECT')] },
    plugin: true,
    shows: [/< HTTP\/1.1 599/, /error ECONNREFUSED at http/],
  },
  {
    topic: 'on.error',
    name: 'answers after a wait',
    upstreams: nobody,
    options: (world) => ({
      target: world.url,
      on: world.listeners(
        {
          error: (async (_error, _req, res) => {
            await new Promise((resolve) => setImmediate(resolve));
            if ('writeHead' in res && !res.headersSent) res.writeHead(599, { date: FIXED }).end('late');
          }) as NonNullable<ForwardOptions['on']>['error'],
        },
        ['error'],
      ),
    }),
    answeredByHook: true,
    differs: { both: [errorCode('ERR_UPSTREAM_CONNECT')] },
    shows: /error ECONNREFUSED/,
  },
  {
    topic: 'on.error',
    name: 'only listens',
    upstreams: nobody,
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    hangs: ['plain'],
    differs: { both: [refused] },
    shows: [/error ECONNREFUSED at http/, /no answer/],
  },
  {
    topic: 'on.error',
    name: 'throws',
    upstreams: nobody,
    options: (world) => ({ target: world.url, on: world.listeners({ error: fail }, ['error']) }),
    hangs: ['plain'],
    differs: { both: [refused] },
    free: callsAside(),
    shows: /error ECONNREFUSED/,
  },
  {
    topic: 'on.error',
    name: 'rejects',
    upstreams: nobody,
    options: (world) => ({
      target: world.url,
      on: world.listeners({ error: reject as () => void }, ['error']),
    }),
    hangs: ['plain'],
    differs: { both: [refused] },
    free: callsAside(),
    shows: /unhandledRejection: hook/,
  },
  {
    topic: 'on.error',
    name: 'target resets before the head',
    upstreams: { main: { replies: [({ reset: cut }) => cut()] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    send: post,

    hangs: ['plain'],
    differs: { both: [reset] },
    shows: /error ECONNRESET/,
  },
  {
    topic: 'on.error',
    name: 'target ends before the head',
    upstreams: { main: { replies: [({ end }) => end()] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    send: post,
    hangs: ['plain'],
    differs: { both: [reset] },
    shows: /error ECONNRESET/,
  },
  {
    topic: 'on.error',
    name: 'target speaks no HTTP',
    upstreams: { main: { replies: [({ end }) => end('nonsense\r\n\r\n')] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    hangs: ['plain'],
    differs: { both: [failsWith('ERR_UPSTREAM_PROTOCOL', '502 Bad Gateway')] },
    shows: /error HPE_/,
  },
  {
    topic: 'on.error',
    name: 'target resets in mid-body',
    upstreams: {
      main: {
        replies: [
          ({ write, socket }) => {
            write(answer('200 OK', [], 'complete').replace('complete', 'half'));
            socket.end();
          },
        ],
      },
    },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['error']) }),
    differs: { both: [errorCode('ERR_UPSTREAM_RESET')] },
    free: callsAside(),
    shows: /CUT OFF/,
  },
  {
    topic: 'on.econnreset',
    name: 'client that leaves before the answer',
    upstreams: { main: { replies: [() => {}] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['start', 'error', 'econnreset']) }),
    act: async (client, world) => {
      client.send(post);
      await world.until(() => world.at('main').requests().length > 0, 'the request to arrive');
      client.destroy();
      await world.until(() => world.at('main').quiet(), 'the connection to close');
    },
    shows: /start/,
  },
  {
    topic: 'on.econnreset',
    name: 'client that leaves in the middle of its body',
    upstreams: { main: { replies: [() => {}] } },
    options: (world) => ({ target: world.url, on: world.listeners({}, ['start', 'error', 'econnreset']) }),
    act: async (client, world) => {
      client.send('POST /p HTTP/1.1\r\nHost: app.example\r\nContent-Length: 9\r\n\r\nhalf');
      await world.until(() => world.at('main').requests()[0]?.body === 'half', 'half of the body to arrive');
      client.destroy();
      await world.until(() => world.at('main').quiet(), 'the connection to close');
    },
    differs: {
      both: [
        differs(
          '`econnreset` comes once',
          'plain tells it for the request and for the connection to the target',
          (expected) => {
            const last = expected.calls.findLastIndex((line) => line.startsWith('econnreset'));
            expected.calls.splice(last, 1);
          },
        ),
      ],
    },
    shows: [/CUT OFF/, /econnreset ECONNRESET/],
  },
];

/** Listeners that hear of an error, or of an end, beside the one that failed. */
function callsAside() {
  return {
    why: 'which other listeners hear of a call that a listener broke off',
    leaveOut: (seen: Observation): void => {
      seen.calls = seen.calls.filter((line) => line.startsWith('next('));
      for (const upstream of Object.values(seen.upstreams))
        Object.assign(upstream, { connections: 1, requests: [] });
    },
  };
}
