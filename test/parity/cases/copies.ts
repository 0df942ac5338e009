import { differs, fromUpstream, setHeader } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';
import type { World } from '../support/world.js';

/** Both servers get the whole body, and the client its response. */
const wholeCopy = (path: string, body: string) =>
  differs(
    'both targets get the whole body',
    'plain starts to read before the second connection exists: what was read by then is lost, and the call hangs',
    (expected, _facts, carrier) => {
      const [copy] = expected.upstreams.other?.requests ?? [];
      if (!copy) return;
      expected.upstreams.main = {
        connections: 1,
        requests: [{ ...copy, start: `POST ${path} HTTP/1.1`, body, cut: false }],
      };
      expected.upstreams.other = { connections: 1, requests: [{ ...copy, body, cut: false }] };
      expected.responses = [fromUpstream(response('200 OK', [], 'main'), carrier)];
      expected.calls = [];
    },
  );

const copyConnection = {
  why: 'the transport decides whether the connection of a copy is kept',
  leaveOut: (seen: Observation): void => {
    for (const message of seen.upstreams.other?.requests ?? []) setHeader(message, 'connection', undefined);
  },
};

const upstreams = {
  main: { replies: [response('200 OK', [], 'main')] },
  other: { replies: [response('500 Internal Server Error', [], 'never seen')] },
};
const arrived = (world: World) => world.at('other').requests().length > 0;

/** The option `forward`: a copy of each request for another server. */
export const COPY_CASES: readonly ParityCase[] = [
  {
    topic: 'forward',
    name: 'copy of a GET',
    upstreams,
    options: (world) => ({ target: world.url, forward: world.at('other').url }),
    waitsFor: arrived,
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
    shows: [/> POST \/copy\/p[^<]*"body"/, /no response/],
  },
  {
    topic: 'forward',
    name: 'copy of a body in chunks that comes slowly',
    upstreams,
    options: (world) => ({ target: world.url, forward: world.at('other').url }),
    act: async (client, world) => {
      client.send('POST /s HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n');
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
    upstreams: { ...upstreams, other: { tls: true, replies: [response('200 OK')] } },
    options: (world) => ({ target: world.url, forward: world.at('other').url, secure: false }),
    waitsFor: arrived,
    shows: /upstream other: 1/,
  },
  {
    topic: 'forward',
    name: 'alone, by a router that returns no target',
    upstreams,
    options: (world) => ({ router: () => undefined as unknown as string, forward: world.at('other').url }),
    waitsFor: arrived,
    shows: [/upstream other: 1/, /< HTTP\/1.1 200 OK/],
  },
  {
    topic: 'forward',
    name: 'to a server that resets, before the target responds',
    upstreams: {
      main: { replies: [({ write }) => void setTimeout(() => write(response('200 OK', [], 'main')), 200)] },
      other: { replies: [({ reset }) => reset()] },
    },
    options: (world) => ({ target: world.url, forward: world.at('other').url }),
    waitsFor: arrived,
    differs: {
      both: [
        differs(
          'a copy that fails does not fail the call',
          'its response is not used',
          (expected, _facts, carrier) => {
            expected.responses = [fromUpstream(response('200 OK', [], 'main'), carrier)];
            expected.calls = [];
          },
        ),
      ],
    },
    shows: /< HTTP\/1.1 504/,
  },
];
