import { differs, passedOn, requestsOf, setHeader } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const keptConnections = differs(
  'redirects are followed on kept-alive connections',
  'plain opens and closes one for each',
  (expected) => {
    for (const message of requestsOf(expected)) setHeader(message, 'connection', 'keep-alive');
  },
);
const freeCount = {
  why: 'whether the first connection is free again in time is chance',
  leaveOut: (seen: Observation): void => {
    for (const upstream of Object.values(seen.upstreams))
      upstream.connections = Math.min(1, upstream.connections);
  },
};

/** Redirects that are followed. */
export const REDIRECT_CASES: readonly ParityCase[] = [
  {
    topic: 'followRedirects',
    name: 'within the origin',
    upstreams: {
      main: { replies: [response('302 Found', ['Location: /there?x=1']), response('200 OK', [], 'arrived')] },
    },
    options: ({ url }) => ({ target: url, followRedirects: true }),
    send: request('GET /here', ['X-Mine: 1']),
    free: freeCount,
    differs: { both: [keptConnections] },
    shows: [/> GET \/there\?x=1/, /"arrived"/],
  },
  ...(
    [
      '301 Moved Permanently',
      '302 Found',
      '303 See Other',
      '307 Temporary Redirect',
      '308 Permanent Redirect',
    ] as const
  ).map(
    (status): ParityCase => ({
      topic: 'followRedirects',
      name: `POST, ${status}`,
      upstreams: {
        main: { replies: [response(status, ['Location: /there']), response('200 OK', [], 'arrived')] },
      },
      options: ({ url }) => ({ target: url, followRedirects: true }),
      send: request('POST /here', ['Content-Type: text/plain', 'Authorization: Bearer x'], 'body'),
      free: freeCount,
      differs: { both: [keptConnections] },
      shows: [/\/there HTTP/, /"arrived"/],
    }),
  ),
  {
    topic: 'followRedirects',
    name: 'a number limits them',
    upstreams: { main: { replies: [response('302 Found', ['Location: /on'])] } },
    options: ({ url }) => ({ target: url, followRedirects: 2 }),
    free: freeCount,
    differs: { both: [keptConnections] },
    shows: [/> GET \/on[\s\S]*> GET \/on/, /< HTTP\/1.1 302/],
  },
  {
    topic: 'followRedirects',
    name: 'to another origin',
    upstreams: {
      main: {
        replies: [
          ({ write }, { headers }) =>
            write(response('302 Found', [`Location: ${Object.fromEntries(headers)['x-go'] ?? ''}`])),
        ],
      },
      other: { replies: [response('200 OK', [], 'elsewhere')] },
    },
    options: (world) => ({
      target: world.url,
      followRedirects: true,
      headers: { 'x-go': `${world.at('other').url}/x` },
    }),
    differs: {
      both: [
        differs(
          'redirects to another origin are passed to the client',
          'the headers of the call, API keys included, are for the target only',
          (expected, { sent }) => {
            expected.upstreams.other = { connections: 0, requests: [] };
            const [found] = sent.main ?? [];
            if (!found) return;
            const headers: [string, string][] = [
              ...found.headers,
              ['location', 'http://127.0.0.1:{other}/x'],
              ['connection', 'keep-alive'],
              ['via', '1.1 resilient-proxy-out'],
            ];
            expected.responses = [{ ...found, headers: headers.filter(([name]) => name !== 'Location') }];
          },
        ),
      ],
    },
    shows: [/upstream other: 1/, /"elsewhere"/],
  },
  {
    topic: 'followRedirects',
    name: 'location that cannot be read',
    upstreams: { main: { replies: [response('302 Found', ['Location: http://[nonsense'])] } },
    options: ({ url }) => ({ target: url, followRedirects: true }),
    hangs: ['plain'],
    differs: { both: [passedOn] },
    shows: /uncaughtException: Invalid URL/,
  },
];
