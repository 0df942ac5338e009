import { Agent } from 'node:http';
import { onCleanup } from '../../support/cleanup.js';
import { credentials } from '../../support/tls.js';
import { differs, failsWith, fromUpstream } from '../support/deviation.js';
import { noting } from '../support/noting-agent.js';
import type { ParityCase } from '../support/parity-case.js';
import { type Message, readMessages, request, response } from '../support/wire.js';
import type { World } from '../support/world.js';

const secure = { main: { tls: true, replies: [response('200 OK', [], 'tls')] } };
/** The upstream's URL with the host name of its certificate. */
const local = (world: World) => `https://localhost:${world.at('main').port}`;

/** A request as an upstream gets it. */
function got(start: string, lines: readonly string[], body = ''): Message {
  const headers = [...lines, 'connection: keep-alive', 'via: 1.1 resilient-proxy-out'];
  const bytes = `${start} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
  const [message] = readMessages(bytes, { kind: 'request', closed: true });
  if (!message) throw new Error('no request');
  return message;
}

const post = request('POST /p', ['Content-Type: text/plain'], 'body');

/** How the target is reached: TLS, Unix sockets, agents, addresses. */
export const CONNECTION_CASES: readonly ParityCase[] = [
  {
    topic: 'secure',
    name: 'refuses an untrusted certificate',
    upstreams: secure,
    options: ({ url }) => ({ target: url }),
    differs: { both: [failsWith('ERR_UPSTREAM_TLS', '502 Bad Gateway')] },
    shows: /< HTTP\/1.1 500 /,
  },
  {
    topic: 'secure',
    name: 'false accepts it',
    upstreams: secure,
    options: ({ url }) => ({ target: url, secure: false }),
    send: post,
    shows: [/> POST \/p/, /"tls"/],
  },
  {
    topic: 'ssl',
    name: 'authority of its own',
    upstreams: secure,
    options: (world) => ({ target: local(world), changeOrigin: true, ssl: { ca: credentials().ca } }),
    shows: /"tls"/,
  },
  {
    topic: 'ssl',
    name: 'name of the target in the certificate, whatever Host the client sends',
    upstreams: secure,
    options: (world) => ({ target: local(world), ssl: { ca: credentials().ca } }),
    differs: {
      both: [
        differs(
          'the certificate must match the target',
          'otherwise a client would choose the checked name by its Host',
          (expected, _facts, carrier) => {
            expected.upstreams = {
              main: { connections: 1, requests: [got('GET /', ['host: app.example'])] },
            };
            expected.responses = [fromUpstream(response('200 OK', [], 'tls'), carrier)];
          },
        ),
      ],
    },
    shows: /< HTTP\/1.1 500/,
  },
  {
    topic: 'ca',
    name: 'authority of its own',
    upstreams: secure,
    options: (world) => ({ target: local(world), changeOrigin: true, ca: credentials().ca }),
    shows: /"tls"/,
  },
  {
    topic: 'ssl',
    name: 'authority in the target object',
    refusedFor: 'target.ca',
    upstreams: secure,
    options: (world) => ({
      target: { protocol: 'https:', host: 'localhost', port: world.at('main').port, ca: credentials().ca },
      changeOrigin: true,
    }),
    shows: /"tls"/,
  },
  {
    topic: 'target.socketPath',
    name: 'Unix socket',
    upstreams: { main: { unix: true, replies: [response('200 OK', [], 'unix')] } },
    options: (world) => ({ target: { socketPath: world.at('main').socketPath ?? '' } }),
    send: [post, request('GET /x')],
    shows: [/> POST \/p/, /"unix"/],
  },
  {
    topic: 'target.socketPath',
    name: 'Unix socket with a path and changeOrigin',
    upstreams: { main: { unix: true, replies: [response('200 OK', [], 'unix')] } },
    options: (world) => ({
      target: { socketPath: world.at('main').socketPath ?? '', host: 'service.example', pathname: '/base' },
      changeOrigin: true,
    }),
    shows: [/> GET \/base /, /> host: service.example/],
  },
  {
    topic: 'agent',
    name: 'opens the connections',
    options: (world) => ({ target: world.url, agent: noting(world) }),
    send: [request('GET /1'), request('GET /2')],
    shows: [/agent connects to 127.0.0.1/, /upstream main: 1 /],
  },
  {
    topic: 'agent',
    name: 'false: a connection for each call',

    options: ({ url }) => ({ target: url, agent: false }),
    send: [request('GET /1'), request('GET /2')],
    shows: [/upstream main: 2 /, /> connection: close/],
  },
  {
    topic: 'agent',
    name: 'without keepAlive',
    options: ({ url }) => {
      const agent = new Agent({ keepAlive: false });
      onCleanup(() => agent.destroy());
      return { target: url, agent };
    },
    send: [request('GET /1'), request('GET /2')],
    shows: /upstream main: 2 /,
  },
  {
    topic: 'localAddress',
    name: 'of the loopback',
    upstreams: {
      main: {
        replies: [({ socket, write }) => write(response('200 OK', [], `from ${socket.remoteAddress}`))],
      },
    },
    options: ({ url }) => ({ target: url, localAddress: '127.0.0.2' }),
    shows: /from 127.0.0.2/,
  },
  {
    topic: 'secure',
    name: 'upstream without TLS if TLS was expected',
    upstreams: { main: { early: true, replies: [({ end }) => end('HTTP/1.1 400 Bad Request\r\n\r\n')] } },
    options: ({ url }) => ({ target: url.replace('http:', 'https:'), secure: false }),
    differs: { both: [failsWith('ERR_UPSTREAM_TLS', '502 Bad Gateway')] },
    free: {
      why: 'what arrives is not HTTP',
      leaveOut: (seen) => {
        seen.upstreams = {};
      },
    },
    shows: /< HTTP\/1.1 500/,
  },
];
