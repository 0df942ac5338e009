import { differs, failsWith } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import type { Connection } from '../support/scripted-upstream.js';
import { DATE, exactly, request, response } from '../support/wire.js';

const silent = { main: { replies: [() => {}] } };
const timeout = failsWith('ERR_UPSTREAM_TIMEOUT', '504 Gateway Timeout');

const upstreamsAside = {
  why: 'how an abandoned connection looks from there is chance',
  leaveOut: (seen: Observation): void => {
    seen.upstreams = {};
  },
};

/** A chunked response: the first chunk is sent at once, the rest on demand. */
const inPieces = (rest: (connection: Connection) => void) => ({
  main: {
    replies: [
      (connection: Connection) => {
        connection.write(exactly(['HTTP/1.1 200 OK', DATE, 'Transfer-Encoding: chunked'], '5\r\nfirst\r\n'));
        rest(connection);
      },
    ],
  },
});

/** Time limits, clients that leave, and targets that break off. */
export const ENDING_CASES: readonly ParityCase[] = [
  {
    topic: 'proxyTimeout',
    name: 'target that does not respond',
    upstreams: silent,
    options: ({ url }) => ({ target: url, proxyTimeout: 100 }),
    differs: { both: [timeout] },
    shows: /< HTTP\/1.1 504/,
  },
  {
    topic: 'proxyTimeout',
    name: 'target that responds in time',
    options: ({ url }) => ({ target: url, proxyTimeout: 5000 }),
    shows: /"hello"/,
  },
  {
    topic: 'proxyTimeout',
    name: 'target that stops in its response',
    upstreams: inPieces(() => {}),
    options: ({ url }) => ({ target: url, proxyTimeout: 100 }),
    shows: /\[chunked CUT OFF\] "first"/,
  },
  {
    topic: 'timeout',
    name: 'client whose call takes longer',
    upstreams: silent,
    options: ({ url }) => ({ target: url, timeout: 100 }),
    free: upstreamsAside,
    shows: /no response/,
  },
  {
    topic: 'timeout',
    name: 'call that is shorter',
    options: ({ url }) => ({ target: url, timeout: 5000 }),
    send: [request('GET /1'), request('GET /2')],
    shows: /> GET \/2/,
  },
  {
    topic: 'target',
    name: 'client that leaves before the response',
    upstreams: silent,
    options: ({ url }) => ({ target: url }),
    act: async (client, world) => {
      client.send(request('GET /'));
      await world.until(() => world.at('main').requests().length > 0, 'the request to arrive');
      client.destroy();
      await world.until(() => world.at('main').closed === 1, 'the connection to close');
      world.note('connection to the target closed');
    },
    shows: /connection to the target closed/,
  },
  {
    topic: 'target',
    name: 'client that leaves in the middle of the response',
    upstreams: inPieces(() => {}),
    options: ({ url }) => ({ target: url }),
    act: async (client, world) => {
      client.send(request('GET /'));
      await client.until(/first/);
      client.destroy();
      await world.until(() => world.at('main').closed === 1, 'the connection to close');
      world.note('connection to the target closed');
    },
    free: {
      why: 'the client leaves before the end in any case',
      leaveOut: (seen) => {
        seen.responses = [];
      },
    },
    shows: /connection to the target closed/,
  },
  {
    topic: 'target',
    name: 'client that leaves in the middle of its body',
    upstreams: silent,
    options: ({ url }) => ({ target: url }),
    act: async (client, world) => {
      client.send('POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 9\r\n\r\nhalf');
      await world.until(() => world.at('main').requests()[0]?.body === 'half', 'half of the body');
      client.destroy();
      await world.until(() => world.at('main').closed === 1, 'the connection to close');
      world.note('connection to the target closed');
    },
    shows: [/connection to the target closed/, /CUT OFF\] "half"/],
  },
  {
    topic: 'target',
    name: 'target that resets before the head',
    upstreams: { main: { replies: [({ reset }) => reset()] } },
    options: ({ url }) => ({ target: url }),
    send: request('POST /', [], 'x'),
    differs: { both: [failsWith('ERR_UPSTREAM_RESET', '502 Bad Gateway')] },
    shows: /< HTTP\/1.1 504/,
  },
  {
    topic: 'target',
    name: 'target that ends in the middle of a chunked response',
    upstreams: inPieces(({ end }) => end()),
    options: ({ url }) => ({ target: url }),
    shows: /CUT OFF\] "first"/,
  },
  {
    topic: 'target',
    name: 'target that ends before the announced length',
    upstreams: {
      main: { replies: [({ end }) => end(response('200 OK', [], '12345').replace(/12345$/, '123'))] },
    },
    options: ({ url }) => ({ target: url }),
    shows: /CUT OFF\] "123"/,
  },
  {
    topic: 'target',
    name: 'target that responds before it has the body',
    upstreams: { main: { early: true, replies: [response('413 Content Too Large', [], 'no')] } },
    options: ({ url }) => ({ target: url }),
    act: async (client) => {
      client.send('POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 9\r\n\r\nhalf');
      await client.until(/no$/);
      client.send('-rest');
    },
    free: upstreamsAside,
    shows: /413 Content Too Large/,
  },
  {
    topic: 'target',
    name: 'interim responses',
    upstreams: {
      main: {
        replies: [
          ({ write }) => {
            write(exactly(['HTTP/1.1 103 Early Hints', 'Link: </style.css>; rel=preload']));
            write(response('200 OK', [], 'hello'));
          },
        ],
      },
    },
    options: ({ url }) => ({ target: url }),
    differs: {
      both: [
        differs(
          '102 and 103 are passed on',
          'RFC 9110 §15.2: a proxy forwards interim responses; plain drops them',
          (expected) => {
            expected.responses.unshift({
              start: 'HTTP/1.1 103 Early Hints',
              headers: [['link', '</style.css>; rel=preload']],
              body: '',
              framing: 'none',
              trailers: [],
              cut: false,
            });
          },
        ),
      ],
    },
    shows: /"hello"/,
  },
  {
    topic: 'target',
    name: 'response that switches protocols unasked',
    upstreams: {
      main: { replies: [exactly(['HTTP/1.1 101 Switching Protocols', 'Upgrade: x', 'Connection: upgrade'])] },
    },
    options: ({ url }) => ({ target: url }),
    hangs: ['plain'],
    differs: { both: [failsWith('ERR_UPSTREAM_PROTOCOL', '502 Bad Gateway')] },
    free: upstreamsAside,
    shows: /client/,
  },
];
