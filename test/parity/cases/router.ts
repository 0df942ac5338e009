import { noting } from '../support/noting-agent.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const two = {
  main: { replies: [response('200 OK', [], 'main')] },
  other: { replies: [response('200 OK', [], 'other')] },
};
const hosts = [request('GET /a', ['Host: one.example']), request('GET /a', ['Host: two.example'])];

/** Targets that a router returns. */
export const ROUTER_CASES: readonly ParityCase[] = [
  {
    topic: 'router',
    name: 'table by host',
    upstreams: two,
    options: (world) => ({ target: world.url, router: { 'two.example': world.at('other').url } }),
    send: hosts,
    shows: [/upstream main: 1/, /upstream other: 1/],
  },
  {
    topic: 'router',
    name: 'table by path, and by host and path',
    upstreams: two,
    options: (world) => ({
      target: world.url,
      router: { 'two.example/a': world.at('other').url, '/b': world.at('other').url },
    }),
    send: [...hosts, request('GET /b/c'), request('GET /c')],
    shows: [/upstream main: 1[^>]*> GET \/a /, /> GET \/b\/c /],
  },
  {
    topic: 'router',
    name: 'function',
    upstreams: two,
    options: (world) => ({
      target: world.url,
      router: (req) => {
        world.note(`router ${req.method} ${req.url}`);
        return world.at('other').url;
      },
    }),
    shows: [/upstream other: 1/, /router GET \//],
  },
  {
    topic: 'router',
    name: 'function that returns a promise of an object',
    upstreams: two,
    options: (world) => ({
      router: async () => ({ protocol: 'http:', host: '127.0.0.1', port: world.at('other').port }),
    }),
    shows: /upstream other: 1/,
  },
  {
    topic: 'router',
    name: 'function that returns a URL with a path',
    upstreams: two,
    options: (world) => ({ target: world.url, router: () => new URL(`${world.at('other').url}/deep`) }),
    send: request('GET /x'),
    shows: /> GET \/deep\/x /,
  },
  {
    topic: 'router',
    name: 'function that returns nothing keeps the target',
    upstreams: two,
    options: (world) => ({ target: world.url, router: () => undefined as unknown as string }),
    shows: /upstream main: 1/,
  },
  {
    topic: 'router',
    name: 'throws',
    options: (world) => ({
      target: world.url,
      router: () => {
        throw new Error('no way');
      },
    }),
    shows: /next\(no way\)/,
  },
  {
    topic: 'router',
    name: 'rejects',
    options: (world) => ({ target: world.url, router: () => Promise.reject(new Error('no way')) }),
    shows: /next\(no way\)/,
  },
  {
    topic: 'router',
    name: 'returns nonsense',
    options: (world) => ({ target: world.url, router: () => 'nonsense' }),
    shows: /next\(ERR_INVALID_URL\)/,
  },
  {
    topic: 'router',
    name: 'changes the protocol for one call',
    upstreams: {
      main: { replies: [response('200 OK', [], 'main')] },
      other: { tls: true, replies: [response('200 OK', [], 'tls')] },
    },
    options: (world) => ({
      target: world.url,
      secure: false,
      router: (req) => (req.url === '/tls' ? world.at('other').url : world.url),
    }),
    send: [request('GET /a'), request('GET /tls'), request('GET /b')],
    shows: [/upstream main: \d[\s\S]*> GET \/b/, /upstream other: 1/, /"tls"/],
  },
  {
    topic: 'router',
    name: 'sets headers, auth and changeOrigin on the options',
    options: (world) => ({
      target: world.url,
      router: (_req, _res, options) => {
        options.headers = { 'x-routed': '1' };
        options.auth = 'user:pass';
        options.changeOrigin = true;
        return world.url;
      },
    }),
    shows: [/x-routed: 1/, /authorization: Basic/, /> host: 127.0.0.1:\{main\}/],
  },
  {
    topic: 'router',
    name: 'sets agent on the options',
    options: (world) => ({
      target: world.url,
      router: (_req, _res, options) => {
        options.agent = noting(world);
        return world.url;
      },
    }),
    perCall: true,
    shows: /agent connects to 127.0.0.1/,
  },
  {
    topic: 'router',
    name: 'sets ignorePath, prependPath and xfwd on the options',
    options: (world) => ({
      target: world.url,
      router: (_req, _res, options) => {
        options.ignorePath = true;
        options.xfwd = true;
        return `${world.url}/fixed`;
      },
    }),
    send: request('GET /x'),
    shows: [/> GET \/fixed /, /x-forwarded-host/],
  },
  {
    topic: 'router',
    name: 'returns an object with a socketPath',
    upstreams: { other: { unix: true, replies: [response('200 OK', [], 'unix')] } },
    options: (world) => ({
      target: world.url,
      router: () => ({ socketPath: world.at('other').socketPath ?? '' }),
    }),
    perCall: true,
    shows: /upstream other: 1/,
  },
];
