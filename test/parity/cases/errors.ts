import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { answeredByItself, differs, failsWith } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const post = request('POST /p', ['Content-Type: text/plain'], 'body');
const nobody = { main: { refuses: true } };
const fail = (): never => {
  throw new Error('hook');
};
const reject = (): Promise<never> => Promise.reject(new Error('hook'));

const FIXED = 'Mon, 23 Nov 2026 10:00:00 GMT';

const errorCode = (code: string) =>
  differs(
    `listeners of \`error\` get a ProxyError, ${code}; its cause is the error that plain passes`,
    'one type of error for all',
    (expected) => {
      expected.calls = expected.calls.map((line) => line.replace(/^error \S+/, `error ${code}`));
    },
  );
const refused = failsWith('ERR_UPSTREAM_CONNECT', '502 Bad Gateway');
const reset = failsWith('ERR_UPSTREAM_RESET', '502 Bad Gateway');

/** Errors, and which listeners get them. */
export const ERROR_CASES: readonly ParityCase[] = [
  {
    topic: 'on.error',
    name: 'target refuses the connection, without a listener',
    upstreams: nobody,
    options: ({ url }) => ({ target: url }),
    differs: { both: [refused], plugin: [answeredByItself] },
    shows: [/< HTTP\/1.1 504/, /Error occurred while trying to proxy/],
  },
  {
    topic: 'on.error',
    name: 'responds by itself',
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
    shows: [/< HTTP\/1.1 599/, /error ECONNREFUSED at http/],
  },
  {
    topic: 'on.error',
    name: 'responds after a wait',
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
    shows: [/error ECONNREFUSED at http/, /no response/],
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
    name: 'target does not speak HTTP',
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
            write(response('200 OK', [], 'complete').replace('complete', 'half'));
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
    name: 'client that leaves before the response',
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
          '`econnreset` is emitted once',
          'plain emits it for the request and for the connection to the target',
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
