import { differs } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { echo, hello, talk } from '../support/websocket.js';
import { response } from '../support/wire.js';

/** A failed upgrade gets a response; plain closes the connection without one. */
const responses = (status: string, code: string) =>
  differs(
    `a failed upgrade gets the response ${status.split(' ')[0]}`,
    'plain closes the connection without a response',
    (expected) => {
      expected.responses = [
        { start: `HTTP/1.1 ${status}`, headers: [], body: code, framing: 'close', trailers: [], cut: false },
      ];
    },
  );

const survives = differs('the process survives', 'plain crashes', (expected) => {
  expected.crashes = [];
});

const responseAlone = {
  why: 'headers and text of the response are compared elsewhere',
  leaveOut: (seen: Observation): void => {
    for (const message of seen.responses) {
      message.start = message.start.split(' ').slice(0, 2).join(' ');
      message.headers = [];
      message.framing = 'close';
      message.body = /ERR_\w+/.exec(message.body)?.[0] ?? '';
    }
  },
};

const basic = { topic: 'ws', upgrades: true, upstreams: echo, act: talk } as const;

/** Upgrades that fail, and listeners of upgrades that throw. */
export const FAILED_UPGRADE_CASES: readonly ParityCase[] = [
  {
    ...basic,
    name: 'target that does not switch',
    upstreams: { main: { replies: [response('403 Forbidden', ['X-Why: no'], 'not you')] } },
    act: async (client) => {
      client.send(hello);
      await client.untilClosed();
    },
    options: ({ url }) => ({ target: url, ws: true }),
    shows: [/< HTTP\/1.1 403 Forbidden/, /"not you"/],
  },
  {
    ...basic,
    name: 'target that refuses the connection',
    upstreams: { main: { refuses: true } },
    act: (client) => {
      client.send(hello);
      return client.untilClosed();
    },
    options: ({ url }) => ({ target: url, ws: true }),
    differs: { both: [responses('502 Bad Gateway', 'ERR_UPSTREAM_CONNECT')], plugin: [] },
    free: responseAlone,
    shows: /no response/,
  },
  {
    ...basic,
    topic: 'upgradeTimeout',
    name: 'target that does not respond to an upgrade',
    upstreams: { main: { replies: [() => {}] } },
    act: (client) => {
      client.send(hello);
      return client.untilClosed();
    },
    options: ({ url }) => ({ target: url, ws: true, upgradeTimeout: 100 }),
    differs: { both: [responses('504 Gateway Timeout', 'ERR_UPSTREAM_TIMEOUT')], plugin: [] },
    free: responseAlone,
    shows: /no response/,
  },
  {
    ...basic,
    topic: 'on.proxyReqWs',
    name: 'throws',
    act: (client) => {
      client.send(hello);
      return client.untilClosed();
    },
    options: (world) => ({
      target: world.url,
      ws: true,
      on: {
        proxyReqWs: () => {
          throw new Error('hook');
        },
      },
    }),
    differs: {
      both: [responses('500 Internal Server Error', 'ERR_INTERNAL')],
      // In plain, http-proxy-middleware's own plugin gets the error first, and closes the connection.
      plugin: [],
    },
    free: {
      ...responseAlone,
      leaveOut: (seen) => {
        responseAlone.leaveOut(seen);
        seen.upstreams = {};
      },
    },
    shows: /no response/,
  },
  ...(['open', 'close'] as const).map(
    (event): ParityCase => ({
      ...basic,
      topic: `on.${event}`,
      name: 'throws',
      act: async (client) => {
        client.send(hello);
        await client.until(/\r\n\r\n/);
        client.halfClose();
      },
      hangs: ['plain', 'node', 'undici', 'plugin'],
      options: (world) => ({
        target: world.url,
        ws: true,
        on: {
          [event]: () => {
            throw new Error('hook');
          },
        },
      }),
      differs: { both: [survives] },
      free: {
        why: 'what happens to a WebSocket whose listener failed; only that the process survives is checked',
        leaveOut: (seen) => {
          Object.assign(seen, { upstreams: {}, responses: [], calls: [] });
        },
      },
      shows: /hook/,
    }),
  ),
];
