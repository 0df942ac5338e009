import type { RawClient } from '../../support/raw-client.js';
import { differs, requestsOf } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import type { Connection } from '../support/scripted-upstream.js';
import { answer, type Message, request } from '../support/wire.js';
import type { World } from '../support/world.js';

const SWITCH = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  'X-From-Target: 1',
].join('\r\n');

/** Switches, and sends back what it gets. */
const echo = {
  main: {
    replies: [
      ({ write, socket }: Connection, { start }: Message) => {
        if (!start.startsWith('GET')) return;
        write(`${SWITCH}\r\n\r\n`);
        socket.on('data', (chunk: Buffer) => write(chunk.toString('latin1')));
      },
    ],
  },
};

const hello = request('GET /ws?x=1', [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'X-Mine: 1',
]);

async function talk(client: RawClient, world: World): Promise<void> {
  client.send(hello);
  await client.until(/\r\n\r\n/);
  client.send('ping');
  await client.until(/ping$/);
  client.halfClose();
  await client.untilClosed();
  await world.until(() => world.at('main').closed === 1, 'the connection to the target to close');
}

/** An upgrade that fails is answered, where plain closes the connection without a word. */
const answers = (status: string, code: string) =>
  differs(
    `an upgrade that fails is answered with ${status.split(' ')[0]}`,
    'plain closes the connection without a word',
    (expected) => {
      expected.answers = [
        { start: `HTTP/1.1 ${status}`, fields: [], body: code, framing: 'close', trailers: [], cut: false },
      ];
    },
  );

const survives = differs('the process survives', 'plain ends with it', (expected) => {
  expected.crashes = [];
});

const answerAlone = {
  why: 'the fields and the words of the answer are told elsewhere',
  leaveOut: (seen: Observation): void => {
    for (const message of seen.answers) {
      message.start = message.start.split(' ').slice(0, 2).join(' ');
      message.fields = [];
      message.framing = 'close';
      message.body = /ERR_\w+/.exec(message.body)?.[0] ?? '';
    }
  },
};

const basic = { topic: 'ws', upgrades: true, upstreams: echo, act: talk } as const;

/** WebSockets: their upgrade, its fields and its events. */
export const WEBSOCKET_CASES: readonly ParityCase[] = [
  {
    ...basic,
    name: 'switches and passes bytes both ways',
    options: ({ url }) => ({ target: url, ws: true }),
    shows: [/< HTTP\/1.1 101 Switching Protocols/, /\[tunnel\] "ping"/],
  },
  {
    ...basic,
    name: 'target with ws:, a path, changeOrigin and pathRewrite',
    options: ({ url }) => ({
      target: `${url.replace('http:', 'ws:')}/base`,
      ws: true,
      changeOrigin: true,
      pathRewrite: { '^/ws': '/socket' },
    }),
    shows: /> GET \/base\/socket\?x=1/,
  },
  {
    ...basic,
    name: 'headers and auth',
    options: ({ url }) => ({ target: url, ws: true, headers: { 'x-added': '1' }, auth: 'user:pass' }),
    shows: [/x-added: 1/, /authorization: Basic dXNlcjpwYXNz/],
  },
  {
    ...basic,
    name: 'router',
    upstreams: { ...echo, other: echo.main },
    options: (world) => ({ target: world.at('other').url, ws: true, router: { '/ws': world.url } }),
    shows: /upstream main: 1/,
  },
  {
    ...basic,
    topic: 'xfwd',
    name: 'on an upgrade',
    options: ({ url }) => ({ target: url, ws: true, xfwd: true }),
    differs: {
      both: [
        differs(
          '`X-Forwarded-Host` is added to an upgrade too',
          'plain adds it to other calls alone',
          (expected) => {
            for (const message of requestsOf(expected))
              message.fields.push(['x-forwarded-host', 'app.example']);
          },
        ),
      ],
    },
    shows: [/x-forwarded-for: 127.0.0.1/, /x-forwarded-proto: ws\n/, /x-forwarded-port: 80/],
  },
  {
    ...basic,
    topic: 'on.proxyReqWs',
    name: 'may change the fields',
    options: (world) => ({
      target: world.url,
      ws: true,
      on: world.listeners({ proxyReqWs: (proxyReq) => void proxyReq.setHeader('X-Special', 'foobar') }, [
        'proxyReqWs',
      ]),
    }),
    shows: [/proxyReqWs GET \/ws\?x=1/, /x-special: foobar/],
  },
  {
    ...basic,
    topic: 'on.open',
    name: 'when the target has switched',
    options: (world) => ({ target: world.url, ws: true, on: world.listeners({}, ['open']) }),
    shows: /open/,
  },
  {
    ...basic,
    topic: 'on.close',
    name: 'when the target ends',
    upstreams: {
      main: {
        replies: [
          ({ write, end, socket }) => {
            write(`${SWITCH}\r\n\r\n`);
            socket.once('data', () => end('bye'));
          },
        ],
      },
    },
    act: async (client) => {
      client.send(hello);
      await client.until(/\r\n\r\n/);
      client.send('ping');
      await client.until(/bye$/);
      await client.untilClosed();
    },
    options: (world) => ({ target: world.url, ws: true, on: world.listeners({}, ['close']) }),
    shows: [/close 101/, /\[tunnel\] "bye"/],
  },
  {
    ...basic,
    name: 'target that does not switch',
    upstreams: { main: { replies: [answer('403 Forbidden', ['X-Why: no'], 'not you')] } },
    act: async (client) => {
      client.send(hello);
      await client.untilClosed();
    },
    options: ({ url }) => ({ target: url, ws: true }),
    shows: [/< HTTP\/1.1 403 Forbidden/, /"not you"/],
  },
  {
    ...basic,
    topic: 'pathFilter',
    name: 'of an upgrade that is not for it',
    act: async (client, world) => {
      client.send(hello.replace('/ws?x=1', '/else'));
      await world.until(() => true, 'nothing');
    },
    hangs: ['plain', 'node', 'undici'],
    options: ({ url }) => ({ target: url, ws: true, pathFilter: '/ws' }),
    shows: /no answer/,
  },
  {
    ...basic,
    name: 'first bytes that come with the upgrade',
    options: ({ url }) => ({ target: url, ws: true }),
    act: async (client, world) => {
      client.send(`${hello}early`);
      await client.until(/early$/);
      client.halfClose();
      await client.untilClosed();
      await world.until(() => world.at('main').closed === 1, 'the connection to the target to close');
    },
    shows: /< \[tunnel\] "early"/,
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
    differs: { both: [answers('502 Bad Gateway', 'ERR_UPSTREAM_CONNECT')], plugin: [] },
    free: answerAlone,
    shows: /no answer/,
  },
  {
    ...basic,
    topic: 'upgradeTimeout',
    name: 'target that does not answer an upgrade',
    upstreams: { main: { replies: [() => {}] } },
    act: (client) => {
      client.send(hello);
      return client.untilClosed();
    },
    options: ({ url }) => ({ target: url, ws: true, upgradeTimeout: 100 }),
    differs: { both: [answers('504 Gateway Timeout', 'ERR_UPSTREAM_TIMEOUT')], plugin: [] },
    free: answerAlone,
    shows: /no answer/,
  },
  {
    ...basic,
    topic: 'upgradeTimeout',
    name: 'target that switches in time',
    options: ({ url }) => ({ target: url, ws: true, upgradeTimeout: 5000 }),
    shows: /101 Switching/,
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
      both: [answers('500 Internal Server Error', 'ERR_INTERNAL')],
      plugin: [answers('500 Internal Server Error', 'ERR_INTERNAL')],
    },
    free: {
      ...answerAlone,
      leaveOut: (seen) => {
        answerAlone.leaveOut(seen);
        seen.upstreams = {};
      },
    },
    shows: /no answer/,
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
        why: 'what becomes of a WebSocket whose listener failed; the process survives, and no more is asked here',
        leaveOut: (seen) => {
          Object.assign(seen, { upstreams: {}, answers: [], calls: [] });
        },
      },
      shows: /hook/,
    }),
  ),
  {
    ...basic,
    topic: 'logger',
    name: 'WebSockets that come and go',
    options: (world) => {
      const write = (text: string) => world.note(text);
      return { target: world.url, ws: true, logger: { info: write, warn: write, error: write } };
    },
    shows: /\[HPM\] Client connected: %o\n +\[HPM\] Client disconnected: %o/,
  },
];
