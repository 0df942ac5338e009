import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import { onCleanup } from '../../support/cleanup.js';
import { credentials } from '../../support/tls.js';
import { answered, differs, failsWith, requestsOf, setField } from '../support/deviation.js';
import { noting } from '../support/noting-agent.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { answer, type Message, readMessages, request } from '../support/wire.js';
import type { World } from '../support/world.js';

const secure = { main: { tls: true, replies: [answer('200 OK', [], 'tls')] } };
/** The upstream by the name that its certificate is for. */
const local = (world: World) => `https://localhost:${world.at('main').port}`;

/** A request as an upstream gets it. */
function got(start: string, lines: readonly string[], body = ''): Message {
  const fields = [...lines, 'connection: keep-alive', 'via: 1.1 resilient-proxy-out'];
  const bytes = `${start} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`;
  const [message] = readMessages(bytes, { kind: 'request', closed: true });
  if (!message) throw new Error('no request');
  return message;
}

/** Both servers get all of the body, and the client its answer. */
const wholeCopy = (path: string, body: string) =>
  differs(
    'both targets get the whole body',
    'plain begins to read before the second connection is there: what has flowed by then is lost, and the call hangs',
    (expected, _facts, carrier) => {
      const [copy] = expected.upstreams.other?.requests ?? [];
      if (!copy) return;
      expected.upstreams.main = {
        connections: 1,
        requests: [{ ...copy, start: `POST ${path} HTTP/1.1`, body, cut: false }],
      };
      expected.upstreams.other = { connections: 1, requests: [{ ...copy, body, cut: false }] };
      expected.answers = [answered(answer('200 OK', [], 'main'), carrier)];
      expected.calls = [];
    },
  );

const post = request('POST /p', ['Content-Type: text/plain'], 'body');

/** What goes to the target: fields, credentials, bodies, connections. */
export const REQUEST_CASES: readonly ParityCase[] = [
  {
    topic: 'headers',
    name: 'added, and put in place of the client’s',
    options: ({ url }) => ({
      target: url,
      headers: { 'x-added': '1', 'x-mine': 'ours', 'User-Agent': 'us' },
    }),
    send: request('GET /', ['X-Mine: theirs', 'X-Other: 1']),
    plugin: true,
    shows: [/x-added: 1/, /x-mine: ours/],
  },
  {
    topic: 'headers',
    name: 'in another letter case than the client’s',
    options: ({ url }) => ({ target: url, headers: { 'X-Mine': 'ours' } }),
    send: request('GET /', ['x-mine: theirs']),
    shows: /x-mine: ours/,
  },
  {
    topic: 'headers',
    name: 'host',
    options: ({ url }) => ({ target: url, headers: { host: 'set.example' } }),
    shows: /> host: set.example/,
  },
  {
    topic: 'headers',
    name: 'authorization wins over auth and the client',
    options: ({ url }) => ({ target: url, auth: 'a:b', headers: { authorization: 'Bearer x' } }),
    send: request('GET /', ['Authorization: Basic theirs']),
    shows: /> authorization: /,
  },
  {
    topic: 'auth',
    name: 'user and password',
    options: ({ url }) => ({ target: url, auth: 'user:p:a ss' }),
    plugin: true,
    shows: /authorization: Basic dXNlcjpwOmEgc3M=/,
  },
  {
    topic: 'auth',
    name: 'beside credentials of the client',
    options: ({ url }) => ({ target: url, auth: 'user:pass' }),
    send: request('GET /', ['Authorization: Bearer theirs']),
    shows: /authorization: /,
  },
  {
    topic: 'auth',
    name: 'in the URL of the target',
    options: (world) => ({ target: `http://user:pa%40ss@127.0.0.1:${world.at('main').port}` }),
    differs: {
      both: [
        differs(
          'credentials in the URL of the target are sent',
          'a URL that holds them says so',
          (expected) => {
            for (const message of requestsOf(expected))
              message.fields.push(['authorization', 'Basic dXNlcjpwYUBzcw==']);
          },
        ),
      ],
    },
    shows: /> GET \//,
  },
  {
    topic: 'method',
    name: 'in place of the client’s',
    options: ({ url }) => ({ target: url, method: 'POST' }),
    send: request('PUT /m', [], 'body'),
    shows: /> POST \/m/,
  },
  {
    topic: 'method',
    name: 'POST for a GET without a body',
    options: ({ url }) => ({ target: url, method: 'POST' }),
    send: request('GET /m'),
    shows: /> POST \/m/,
  },
  {
    topic: 'xfwd',
    name: 'adds four fields',
    options: ({ url }) => ({ target: url, xfwd: true }),
    send: request('GET /', ['Host: app.example:8080']),
    plugin: true,
    shows: [
      /x-forwarded-for: 127.0.0.1/,
      /x-forwarded-port: 8080/,
      /x-forwarded-proto: http/,
      /x-forwarded-host: app/,
    ],
  },
  {
    topic: 'xfwd',
    name: 'without a port in Host',
    options: ({ url }) => ({ target: url, xfwd: true }),
    shows: /x-forwarded-port: 80\n/,
  },
  {
    topic: 'xfwd',
    name: 'keeps those that the client brings',
    options: ({ url }) => ({ target: url, xfwd: true }),
    send: request('GET /', [
      'X-Forwarded-For: 1.2.3.4, 5.6.7.8',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: out.example',
    ]),
    shows: [/x-forwarded-for: 1.2.3.4, 5.6.7.8/, /x-forwarded-proto: https/, /x-forwarded-port: 80/],
  },
  {
    topic: 'xfwd',
    name: 'with changeOrigin',
    options: ({ url }) => ({ target: url, xfwd: true, changeOrigin: true }),
    shows: /x-forwarded-host: app.example/,
  },
  {
    topic: 'secure',
    name: 'refuses a certificate that nobody trusts',
    upstreams: secure,
    options: ({ url }) => ({ target: url }),
    differs: { both: [failsWith('ERR_UPSTREAM_TLS', '502 Bad Gateway')] },
    shows: /< HTTP\/1.1 500 /,
  },
  {
    topic: 'secure',
    name: 'false takes it',
    upstreams: secure,
    options: ({ url }) => ({ target: url, secure: false }),
    send: post,
    plugin: true,
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
          'the certificate must be for the target',
          'a client would choose by Host which name is checked',
          (expected, _facts, carrier) => {
            expected.upstreams = {
              main: { connections: 1, requests: [got('GET /', ['host: app.example'])] },
            };
            expected.answers = [answered(answer('200 OK', [], 'tls'), carrier)];
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
    upstreams: { main: { unix: true, replies: [answer('200 OK', [], 'unix')] } },
    options: (world) => ({ target: { socketPath: world.at('main').socketPath ?? '' } }),
    send: [post, request('GET /x')],
    shows: [/> POST \/p/, /"unix"/],
  },
  {
    topic: 'target.socketPath',
    name: 'Unix socket with a path and changeOrigin',
    upstreams: { main: { unix: true, replies: [answer('200 OK', [], 'unix')] } },
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
    plugin: true,
    shows: [/agent connects to 127.0.0.1/, /upstream main: 1 /],
  },
  {
    topic: 'agent',
    name: 'false: a connection for each call',
    refusedFor: null,
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
      main: { replies: [({ socket, write }) => write(answer('200 OK', [], `from ${socket.remoteAddress}`))] },
    },
    options: ({ url }) => ({ target: url, localAddress: '127.0.0.2' }),
    shows: /from 127.0.0.2/,
  },
  {
    topic: 'buffer',
    name: 'stream in place of the body of the request',
    stages: () => [
      (req, _res, next) => {
        req.resume().on('end', () => next());
      },
    ],
    options: ({ url }) => ({ target: url, buffer: Readable.from([Buffer.from('kept')]) }),
    send: request('POST /b', [], 'sent'),
    shows: /\[length\] "kept"/,
  },
  {
    topic: 'buffer',
    name: 'set by a router for each call',
    perCall: true,
    options: (world) => ({
      target: world.url,
      router: (req, _res, options) => {
        options.buffer = Readable.from([Buffer.from(`kept${req.url}`)]);
        return world.url;
      },
    }),
    send: [request('POST /1', [], '123456'), request('POST /2', [], '123456')],
    shows: [/\[length\] "kept\/1"/, /\[length\] "kept\/2"/],
  },
  {
    topic: 'buffer',
    name: 'stream that fails',
    options: ({ url }) => ({ target: url, buffer: failing() }),
    hangs: ['plain'],
    send: request('POST /b', [], 'sent'),
    differs: { both: [failsWith('ERR_INTERNAL', '500 Internal Server Error')] },
    free: {
      why: 'the target may have got the head already',
      leaveOut: (seen) => {
        seen.upstreams = {};
      },
    },
    shows: /uncaughtException: unreadable/,
  },
  ...forwards(),
];

function failing(): Readable {
  return new Readable({
    read() {
      this.destroy(new Error('unreadable'));
    },
  });
}

const copyConnection = {
  why: 'whether the connection of a copy is kept is the transport’s own',
  leaveOut: (seen: Observation): void => {
    for (const message of seen.upstreams.other?.requests ?? []) setField(message, 'connection', undefined);
  },
};

/** The option `forward`: a copy of each request for another server. */
function forwards(): ParityCase[] {
  const upstreams = {
    main: { replies: [answer('200 OK', [], 'main')] },
    other: { replies: [answer('500 Internal Server Error', [], 'never seen')] },
  };
  const arrived = (world: World) => world.at('other').requests().length > 0;
  return [
    {
      topic: 'forward',
      name: 'copy of a GET',
      upstreams,
      options: (world) => ({ target: world.url, forward: world.at('other').url }),
      waitsFor: arrived,
      plugin: true,
      shows: [/upstream main: 1/, /upstream other: 1/, /"main"/],
    },
    {
      topic: 'forward',
      name: 'copy of a body',
      upstreams,
      options: (world) => ({ target: world.url, forward: `${world.at('other').url}/copy` }),
      send: request('POST /p', ['Content-Type: text/plain'], 'body'),
      waitsFor: arrived,
      hangs: ['plain'],
      free: copyConnection,
      differs: { both: [wholeCopy('/p', 'body')] },
      shows: [/> POST \/copy\/p[^<]*"body"/, /no answer/],
    },
    {
      topic: 'forward',
      name: 'copy of a body in chunks that comes slowly',
      upstreams,
      options: (world) => ({ target: world.url, forward: world.at('other').url }),
      act: async (client, world) => {
        client.send(
          'POST /s HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n',
        );
        await world.until(
          () => world.at('other').requests()[0]?.body === 'slow',
          'the first chunk of the copy',
        );
        client.send('3\r\nly.\r\n0\r\n\r\n');
        await client.until(/main$/);
      },
      waitsFor: arrived,
      free: copyConnection,
      differs: { both: [wholeCopy('/s', 'slowly.')] },
      shows: [/"ly."/, /upstream other.*\s.*[^"]*"slowly."/],
    },
    {
      topic: 'forward',
      name: 'copy of a large body',
      upstreams,
      options: (world) => ({ target: world.url, forward: world.at('other').url }),
      send: request('POST /l', [], 'x'.repeat(300_000)),
      waitsFor: (world) => world.at('other').requests()[0]?.body.length === 300_000,
      hangs: ['plain'],
      free: copyConnection,
      differs: { both: [wholeCopy('/l', 'x'.repeat(300_000))] },
      shows: /upstream other/,
    },
    {
      topic: 'forward',
      name: 'copy over TLS of a call without it',
      upstreams: { ...upstreams, other: { tls: true, replies: [answer('200 OK')] } },
      options: (world) => ({ target: world.url, forward: world.at('other').url, secure: false }),
      waitsFor: arrived,
      shows: /upstream other: 1/,
    },
    {
      topic: 'forward',
      name: 'alone, by a router that names no target',
      upstreams,
      options: (world) => ({ router: () => undefined as unknown as string, forward: world.at('other').url }),
      waitsFor: arrived,
      shows: [/upstream other: 1/, /< HTTP\/1.1 200 OK/],
    },
    {
      topic: 'forward',
      name: 'to a server that resets, before the target answers',
      upstreams: {
        main: { replies: [({ write }) => void setTimeout(() => write(answer('200 OK', [], 'main')), 200)] },
        other: { replies: [({ reset }) => reset()] },
      },
      options: (world) => ({ target: world.url, forward: world.at('other').url }),
      waitsFor: arrived,
      differs: {
        both: [
          differs(
            'a copy that fails does not fail the call',
            'nobody waits for its answer',
            (expected, _facts, carrier) => {
              expected.answers = [answered(answer('200 OK', [], 'main'), carrier)];
              expected.calls = [];
            },
          ),
        ],
      },
      shows: /< HTTP\/1.1 504/,
    },
  ];
}
