import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';

/** A row of the page: an option, an event or a helper of http-proxy-middleware. */
export interface Topic {
  readonly kind: 'option' | 'event' | 'helper' | 'place';
  /** What plain http-proxy-middleware does. */
  readonly plain: string;
  /** How `retry()` in front treats it. */
  readonly retry: string;
  /** Options that use it, to see which transport takes them. */
  readonly sample: Partial<ForwardOptions>;
  /** A note, for example on what the transport depends on. */
  readonly note?: string;
  /** The option that the undici transport refuses in its cases. */
  readonly refusedFor?: string;
}

const SAME = 'the same in each attempt';
const PASSED_ON = 'only for the response that is passed on';
const BEFORE = 'runs once per call, before the first attempt';
const UPGRADE = 'a handshake is retried before its 101, as any GET';
const listener = () => {};

/** A row that needs Node's client. */
const node = (
  name: keyof ForwardOptions,
  value: unknown,
  plain: string,
  retry: string,
  note?: string,
): Topic => ({
  kind: 'option',
  plain,
  retry,
  sample: { [name]: value },
  refusedFor: name,
  ...(note ? { note } : {}),
});
const both = (sample: Partial<ForwardOptions>, plain: string, retry: string, note?: string): Topic => ({
  kind: 'option',
  plain,
  retry,
  sample,
  ...(note ? { note } : {}),
});
const event = (name: string, plain: string, retry: string, refused = false): Topic => ({
  kind: 'event',
  plain,
  retry,
  sample: { on: { [name]: listener } },
  ...(refused ? { refusedFor: `on.${name}` } : {}),
});

/** Every row; the compiler and a test check that none is missing. */
export const TOPICS = {
  target: both({}, 'where calls go: a string, a URL or an object', `${SAME}; failed attempts are not seen`),
  'target.socketPath': {
    kind: 'option',
    plain: 'Unix socket of the target, in a target object',
    retry: SAME,
    sample: { target: { socketPath: '/run/api.sock' } },
    refusedFor: 'target.socketPath',
  },
  router: both(
    { router: {} },
    'another target for some calls: table, function, async function; may set other options for the call',
    BEFORE,
    'if it sets `agent` or a Unix socket for a call, the node transport sends that call',
  ),
  pathFilter: both(
    { pathFilter: '/api' },
    'which calls are forwarded: path, glob, lists of them, function',
    BEFORE,
  ),
  pathRewrite: both(
    { pathRewrite: { '^/a': '/b' } },
    'another path: table, function, async function',
    BEFORE,
  ),
  ignorePath: both({ ignorePath: true }, "only the target's own path", SAME),
  prependPath: both({ prependPath: false }, "documented as omitting the target's path; has no effect", SAME),
  toProxy: node('toProxy', true, 'puts the requested URL after a slash, for a target that is a proxy', SAME),
  changeOrigin: both({ changeOrigin: true }, "`Host` is the target's", SAME),
  headers: both({ headers: { 'x-a': '1' } }, 'headers added to each request', SAME),
  auth: both({ auth: 'user:password' }, 'Basic credentials', SAME),
  method: both(
    { method: 'POST' },
    "another method than the client's (of httpxy, not documented)",
    'it decides whether a call may be sent again',
  ),
  xfwd: both({ xfwd: true }, '`X-Forwarded-For`, `-Port`, `-Proto` and `-Host`', SAME),
  secure: both(
    { secure: false },
    "whether the target's certificate must be trusted",
    'a refused certificate is not retried',
  ),
  ssl: node('ssl', {}, "options of Node's TLS, such as `ca`", SAME),
  ca: both(
    { ca: rootCertificates.slice(0, 1) },
    "authorities to trust instead of the system's (of httpxy, not documented)",
    SAME,
  ),
  agent: node(
    'agent',
    new Agent(),
    "Node's agent for the connections; `false`: one for each call",
    'carries each attempt, unless that goes through an egress proxy of `proxyRotate()`',
  ),
  localAddress: node('localAddress', '127.0.0.1', 'address that connections come from', SAME),
  buffer: both(
    { buffer: Readable.from([]) },
    'stream that is sent in place of the body',
    'kept like a body, and sent again under the same limits',
  ),
  forward: both(
    { forward: 'http://other.example' },
    'another server gets a copy of each request; its response is discarded',
    'one copy per call, with the first attempt',
  ),
  followRedirects: node(
    'followRedirects',
    true,
    'follows redirects, to any origin',
    'the last response is judged; another attempt starts over',
    "within the target's origin, and to those in `redirectOrigins`",
  ),
  cookieDomainRewrite: node('cookieDomainRewrite', 'a.example', '`Domain` of cookies', PASSED_ON),
  cookiePathRewrite: node('cookiePathRewrite', '/', '`Path` of cookies', PASSED_ON),
  hostRewrite: node('hostRewrite', 'a.example', 'host of a `Location` that leads to the target', PASSED_ON),
  autoRewrite: node('autoRewrite', true, "the same, by the client's `Host`", PASSED_ON),
  protocolRewrite: node('protocolRewrite', 'https', 'scheme of such a `Location`', PASSED_ON),
  preserveHeaderKeyCase: both(
    { preserveHeaderKeyCase: true },
    'names of response headers keep their letter case',
    PASSED_ON,
  ),
  selfHandleResponse: {
    kind: 'option',
    plain: 'a listener of `proxyRes` sends the response',
    retry:
      'the head is judged first: listeners see only the response that is passed on, and nothing is retried afterwards',
    sample: { selfHandleResponse: true, on: { proxyRes: listener } },
    refusedFor: 'selfHandleResponse',
  },
  timeout: both(
    { timeout: 1000 },
    "longest silence of the client's connection, which is then closed",
    'ends the call with all its attempts',
  ),
  proxyTimeout: node(
    'proxyTimeout',
    1000,
    "longest silence of the target's connection",
    'limits each attempt; one that exceeds it is retried',
  ),
  logger: both(
    { logger: console },
    'a line for each response, error and WebSocket',
    'a line for the response that is passed on, or for the error at the end',
  ),
  plugins: both(
    { plugins: [] },
    "functions that get httpxy's server, to listen to its events",
    'as the events they listen to',
    'listeners that need Node’s client select the node transport',
  ),
  ejectPlugins: both(
    { ejectPlugins: true },
    'omits its own four plugins, and so `on` and `logger`',
    'as the events',
  ),
  ws: both(
    { ws: true },
    'takes upgrades of the server that the first call came in by, or by `.upgrade`',
    UPGRADE,
    "upgrades always use Node's client",
  ),
  upgradeTimeout: both(
    { upgradeTimeout: 1000 },
    'time limit for the response to an upgrade',
    'limits each attempt; one that exceeds it is retried',
  ),
  http2: both({ http2: true }, 'for a server that httpxy starts itself; no effect here', 'none'),
  on: both({}, 'listeners, by event: see below', 'as the events'),
  'on.start': event('start', 'a call begins', 'once per call'),
  'on.proxyReq': event(
    'proxyReq',
    'the request is about to be sent, and can be changed',
    'once per attempt, with a request of its own; what it throws is not retried',
    true,
  ),
  'on.proxyRes': event(
    'proxyRes',
    'the head of the response has arrived, and can be changed',
    'once, for the response that is passed on',
    true,
  ),
  'on.end': event(
    'end',
    'the response has arrived in full',
    'once, for the response that is passed on',
    true,
  ),
  'on.error': event('error', 'the call has failed', 'once, if no attempt is left'),
  'on.econnreset': event('econnreset', 'the client has left', 'once; no attempt follows', true),
  'on.proxyReqWs': event(
    'proxyReqWs',
    'an upgrade is about to be sent',
    'once per attempt, with a request of its own',
  ),
  'on.open': event('open', 'the target has switched protocols', UPGRADE),
  'on.close': event('close', "the target's end of a WebSocket has closed", UPGRADE),
  responseInterceptor: {
    kind: 'helper',
    plain: 'collects the response, decodes it and lets a function change it',
    retry: 'gets only the response that is passed on; what it throws is not retried',
    sample: { selfHandleResponse: true, on: { proxyRes: listener } },
    refusedFor: 'selfHandleResponse',
  },
  fixRequestBody: {
    kind: 'helper',
    plain: 'writes a body that a parser has read',
    retry: 'writes the body of each attempt',
    sample: { on: { proxyReq: listener } },
    refusedFor: 'on.proxyReq',
    note: 'not needed: a body left on `req.body` as JSON, form, text or buffer is sent without it',
  },
  express: {
    kind: 'place',
    plain: 'behind Express, mounted below a path',
    retry: 'as elsewhere',
    sample: {},
  },
} as const satisfies Readonly<Record<string, Topic>>;

/** Options of this package, which plain http-proxy-middleware does not have. */
export const OWN_OPTIONS = [
  'transport',
  'connections',
  'keepAliveTimeoutMs',
  'queueTimeoutMs',
  'connectTimeoutMs',
  'bodyTimeoutMs',
  'minBodyRate',
  'streamIdleTimeoutMs',
  'requestTimeoutMs',
  'maxResponseHeaderBytes',
  'maxConnectionAgeMs',
  'maxSockets',
  'maxSocketsPerClient',
  'socketIdleTimeoutMs',
  'maxSocketAgeMs',
  'upgrades',
  'insecureHTTPParser',
  'maxKeptBytes',
  'forwardHeaders',
  'forwardCookies',
  'redirectOrigins',
  'methods',
  'traceMethod',
  'via',
  'rewriteLocation',
  'cert',
  'key',
  'servername',
] as const;

export type TopicName = keyof typeof TOPICS;

/** The row of that name. */
export const topicOf = (name: TopicName): Topic => TOPICS[name];

type Missing = Exclude<
  keyof ForwardOptions | `on.${keyof NonNullable<ForwardOptions['on']>}`,
  TopicName | (typeof OWN_OPTIONS)[number]
>;
// An option or event that has no row does not compile.
export const NONE_MISSING: [Missing] extends [never] ? true : Missing = true;
