import { differs, requestsOf } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { echo, hello, SWITCH, talk } from '../support/websocket.js';

const basic = { topic: 'ws', upgrades: true, upstreams: echo, act: talk } as const;

/** WebSockets: the upgrade, its headers and events. */
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
          'plain adds it to other calls only',
          (expected) => {
            for (const message of requestsOf(expected))
              message.headers.push(['x-forwarded-host', 'app.example']);
          },
        ),
      ],
    },
    shows: [/x-forwarded-for: 127.0.0.1/, /x-forwarded-proto: ws\n/, /x-forwarded-port: 80/],
  },
  {
    ...basic,
    topic: 'on.proxyReqWs',
    name: 'may change the headers',
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
    name: 'when the target has switched protocols',
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
    topic: 'pathFilter',
    name: 'of an upgrade that is not for it',
    act: async (client, world) => {
      client.send(hello.replace('/ws?x=1', '/else'));
      await world.until(() => true, 'nothing');
    },
    hangs: ['plain', 'node', 'undici'],
    options: ({ url }) => ({ target: url, ws: true, pathFilter: '/ws' }),
    shows: /no response/,
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
    topic: 'upgradeTimeout',
    name: 'target that switches in time',
    options: ({ url }) => ({ target: url, ws: true, upgradeTimeout: 5000 }),
    shows: /101 Switching/,
  },
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
