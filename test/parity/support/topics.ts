import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';

/** A row of the page: an option, an event or a helper of http-proxy-middleware. */
export interface Topic {
  readonly kind: 'option' | 'event' | 'helper' | 'place';
  /** What plain http-proxy-middleware does. */
  readonly plain: string;
  /** What `retry()` in front does with it. */
  readonly retry: string;
  /** Options that use it, to see which transport takes them. */
  readonly sample: Partial<ForwardOptions>;
  /** Where both transports can be asked for it, and what the answer depends on. */
  readonly note?: string;
  /** The option that the undici transport refuses in its cases. */
  readonly refusedFor?: string;
}

const SAME = 'the same in each attempt';
const PASSED_ON = 'done to the answer that is passed on, alone';
const BEFORE = 'runs once a call, before the first attempt';
const UPGRADE = 'a handshake is tried again before its 101, as any GET';
const listener = () => {};

/** A row that only Node's client can serve. */
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

/** Every row; that none is missing is checked by the compiler and by a test. */
export const TOPICS = {
  target: both({}, 'where calls go: a text, a URL or an object', `${SAME}; what failed before is not seen`),
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
    'where it sets `agent` or a Unix socket for a call, the node transport takes that call',
  ),
  pathFilter: both(
    { pathFilter: '/api' },
    'which calls are taken: path, glob, lists of them, function',
    BEFORE,
  ),
  pathRewrite: both(
    { pathRewrite: { '^/a': '/b' } },
    'another path: table, function, async function',
    BEFORE,
  ),
  ignorePath: both({ ignorePath: true }, "the target's own path alone", SAME),
  prependPath: both(
    { prependPath: false },
    "documented as leaving out the target's path; has no effect",
    SAME,
  ),
  toProxy: node(
    'toProxy',
    true,
    'puts what the client asked for behind a slash, for a target that is a proxy',
    SAME,
  ),
  changeOrigin: both({ changeOrigin: true }, "`Host` is the target's", SAME),
  headers: both({ headers: { 'x-a': '1' } }, 'fields added to each request', SAME),
  auth: both({ auth: 'user:password' }, 'Basic credentials', SAME),
  method: both(
    { method: 'POST' },
    "another method than the client's (of httpxy, not in its documents)",
    'it decides whether a call may be sent again',
  ),
  xfwd: both({ xfwd: true }, '`X-Forwarded-For`, `-Port`, `-Proto` and `-Host`', SAME),
  secure: both(
    { secure: false },
    "whether the target's certificate must be trusted",
    'a certificate that is refused is not tried again',
  ),
  ssl: node('ssl', {}, "options of Node's TLS, as `ca`", SAME),
  ca: both(
    { ca: rootCertificates.slice(0, 1) },
    "authorities that are trusted in place of the system's (of httpxy, not in its documents)",
    SAME,
  ),
  agent: node(
    'agent',
    new Agent(),
    "Node's agent for the connections; `false`: one for each call",
    'carries each attempt, unless that goes through an exit of `proxyRotate()`',
  ),
  localAddress: node('localAddress', '127.0.0.1', 'address that connections come from', SAME),
  buffer: both(
    { buffer: Readable.from([]) },
    'stream that is sent in place of the body',
    'kept like a body, and sent again under the same limits',
  ),
  forward: both(
    { forward: 'http://other.example' },
    'another server gets a copy of each request; its answer is dropped',
    'one copy a call, with the first attempt',
  ),
  followRedirects: node(
    'followRedirects',
    true,
    'follows redirects, to any origin',
    'the answer at the end is judged; another attempt begins anew',
    "within the target's origin, and to those in `redirectOrigins`",
  ),
  cookieDomainRewrite: node('cookieDomainRewrite', 'a.example', '`Domain` of cookies', PASSED_ON),
  cookiePathRewrite: node('cookiePathRewrite', '/', '`Path` of cookies', PASSED_ON),
  hostRewrite: node('hostRewrite', 'a.example', 'host of a `Location` that leads to the target', PASSED_ON),
  autoRewrite: node('autoRewrite', true, "the same, by the client's `Host`", PASSED_ON),
  protocolRewrite: node('protocolRewrite', 'https', 'scheme of such a `Location`', PASSED_ON),
  preserveHeaderKeyCase: both(
    { preserveHeaderKeyCase: true },
    'names of answer fields keep their letter case',
    PASSED_ON,
  ),
  selfHandleResponse: {
    kind: 'option',
    plain: 'a listener of `proxyRes` answers',
    retry:
      'the head is judged first: listeners see the answer that is passed on, alone, and nothing is tried again after',
    sample: { selfHandleResponse: true, on: { proxyRes: listener } },
    refusedFor: 'selfHandleResponse',
  },
  timeout: both(
    { timeout: 1000 },
    "longest silence of the client's connection, which is closed then",
    'ends the call with all its attempts',
  ),
  proxyTimeout: node(
    'proxyTimeout',
    1000,
    "longest silence of the target's connection",
    'bounds each attempt; one that passes it is tried again',
  ),
  logger: both(
    { logger: console },
    'a line for each answer, error and WebSocket',
    'a line for the answer that is passed on, or for the error at the end',
  ),
  plugins: both(
    { plugins: [] },
    "functions that get httpxy's server, to listen to its events",
    'as the events they listen to',
    'listeners that need Node’s client bring the node transport',
  ),
  ejectPlugins: both(
    { ejectPlugins: true },
    'leaves out the four plugins of its own, `on` and `logger` with them',
    'as the events',
  ),
  ws: both(
    { ws: true },
    'takes upgrades of the server that a first call came by, or by `.upgrade`',
    UPGRADE,
    "upgrades go by Node's client in any case",
  ),
  upgradeTimeout: both(
    { upgradeTimeout: 1000 },
    'bound on the answer to an upgrade',
    'bounds each attempt; one that passes it is tried again',
  ),
  http2: both(
    { http2: true },
    "for a server of httpxy's own; no effect here",
    'none',
    'refused: there is nothing it could do',
  ),
  on: both({}, 'listeners, by event: see below', 'as the events'),
  'on.start': event('start', 'a call begins', 'once a call'),
  'on.proxyReq': event(
    'proxyReq',
    'the request is about to be sent, and can be changed',
    'once an attempt, with a request of its own; what it throws is not tried again',
    true,
  ),
  'on.proxyRes': event(
    'proxyRes',
    'the head of the answer is here, and can be changed',
    'once, for the answer that is passed on',
    true,
  ),
  'on.end': event('end', 'the answer has arrived in full', 'once, for the answer that is passed on', true),
  'on.error': event('error', 'the call has failed', 'once, when no attempt is left'),
  'on.econnreset': event('econnreset', 'the client has left', 'once; no attempt follows', true),
  'on.proxyReqWs': event(
    'proxyReqWs',
    'an upgrade is about to be sent',
    'once an attempt, with a request of its own',
  ),
  'on.open': event('open', 'the target has switched', UPGRADE),
  'on.close': event('close', "the target's end of a WebSocket has closed", UPGRADE),
  responseInterceptor: {
    kind: 'helper',
    plain: 'collects the answer, decodes it and lets a function change it',
    retry: 'gets the answer that is passed on, alone; what it throws is not tried again',
    sample: { selfHandleResponse: true, on: { proxyRes: listener } },
    refusedFor: 'selfHandleResponse',
  },
  fixRequestBody: {
    kind: 'helper',
    plain: 'writes a body that a parser has read',
    retry: 'writes the body of each attempt',
    sample: { on: { proxyReq: listener } },
    refusedFor: 'on.proxyReq',
    note: 'not needed here: a body left on `req.body` as JSON, form, text or buffer goes on without it',
  },
  express: {
    kind: 'place',
    plain: 'behind Express, mounted under a path',
    retry: 'as elsewhere',
    sample: {},
  },
} as const satisfies Readonly<Record<string, Topic>>;

/** Options of this package alone, which plain http-proxy-middleware has not. */
export const OWN_OPTIONS = [
  'transport',
  'connections',
  'keepAliveTimeoutMs',
  'connectTimeoutMs',
  'bodyTimeoutMs',
  'requestTimeoutMs',
  'maxResponseHeaderBytes',
  'maxKeptBytes',
  'forwardHeaders',
  'forwardCookies',
  'redirectOrigins',
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
