import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import * as z from 'zod';
import {
  count,
  durationMs,
  functionOption,
  headerName,
  headerValue,
  optionsObject,
  sizeBytes,
} from '../../core/options.js';
import { unknownName } from '../../core/unknown-name.js';
import { TLS_SHAPE } from './tls-options.js';

const NO_LIMIT = 'must be a number of at least 1, or 0 for no limit';
const noLimitOr = z
  .number({ error: NO_LIMIT })
  .max(2_147_483_647)
  .refine((ms) => ms === 0 || ms >= 1, NO_LIMIT);

const COUNT_OR_NONE = 'must be a whole number, or 0 for no limit';
const countOrNone = z.number({ error: COUNT_OR_NONE }).int(COUNT_OR_NONE).min(0, COUNT_OR_NONE);

const ORIGINS = 'must be "*" or a list of origins, as https://files.example.com';
const origin = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^/?#@]+\/?$/i.test(text) && URL.canParse(text),
    'must be an origin, as https://files.example.com',
  )
  .transform((text) => new URL(text).origin);

const XFWD = 'must be true, false, "append" or "replace"';
const PROTOCOL = 'must be the name of a protocol, as websocket or spdy/3.1';
const VIA = 'must be false, or a name or host with or without a port';

/** A token, with or without a version (RFC 9110 §7.8). */
const protocol = z.string().regex(/^[\w!#$%&'*+.^`|~-]+(?:\/[\w!#$%&'*+.^`|~-]+)?$/, PROTOCOL);

/** The options that are the package's own. */
export const TRANSPORT_SHAPE = {
  transport: z.enum(['auto', 'undici', 'node']).default('auto'),
  connections: count.default(256),
  keepAliveTimeoutMs: durationMs.optional(),
  maxConnectionAgeMs: noLimitOr.default(300_000),
  queueTimeoutMs: noLimitOr.optional(),
  connectTimeoutMs: durationMs.optional(),
  bodyTimeoutMs: noLimitOr.default(30_000),
  minBodyRate: noLimitOr.default(0),
  streamIdleTimeoutMs: noLimitOr.optional(),
  requestTimeoutMs: noLimitOr.default(0),
  maxResponseHeaderBytes: sizeBytes.min(1024).optional(),
  maxSockets: countOrNone.default(10_000),
  maxSocketsPerClient: countOrNone.default(0),
  socketIdleTimeoutMs: noLimitOr.default(0),
  maxSocketAgeMs: noLimitOr.default(0),
  upgrades: z.array(protocol).default(['websocket']),
  maxKeptBytes: sizeBytes.default(64 * 1024 * 1024),
  forwardHeaders: z.boolean().or(z.array(headerName)).default(true),
  forwardCookies: z.boolean().default(true),
  redirectOrigins: z.union([z.literal('*'), z.array(origin)], { error: ORIGINS }).optional(),
  method: z
    .string()
    .regex(/^(?!CONNECT$|TRACE$)[A-Z]+$/, 'must be a method in capitals, as POST')
    .optional(),
  methods: z
    .array(z.string().regex(/^(?!CONNECT$)[A-Z][A-Z-]*$/, 'must be a method in capitals, as POST'))
    .min(1, 'must name a method at least')
    .optional(),
  traceMethod: z.boolean().default(true),
  rewriteLocation: z.boolean().default(false),
  via: z
    .union([z.literal(false), z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::\d+)?$/)], { error: VIA })
    .optional(),
};

const EVENTS = [
  'error',
  'proxyReq',
  'proxyReqWs',
  'proxyRes',
  'open',
  'close',
  'start',
  'end',
  'econnreset',
  'proxySocket',
];

const listeners = z.record(z.string(), functionOption<() => void>().optional()).superRefine((on, context) => {
  const stray = Object.keys(on).find((event) => !EVENTS.includes(event));
  if (stray === undefined) return;
  const message = unknownName(stray, { owner: '', known: EVENTS, kind: 'event' });
  context.addIssue({ code: 'custom', path: [stray], message });
});

const headerLines = z.union([headerValue, z.array(headerValue)], {
  error: 'must be Latin-1 text without control characters, CR or LF, or a list of such texts',
});

const rewrites = z.union([z.literal(false), z.string(), z.record(z.string(), z.string())], {
  error: 'must be false, a string, or an object of strings',
});

/** Options that a file can hold and every transport serves. */
const PLAIN_SHAPE = {
  ...TLS_SHAPE,
  ws: z.boolean().optional(),
  changeOrigin: z.boolean().default(false),
  xfwd: z.union([z.boolean(), z.enum(['append', 'replace'])], { error: XFWD }).default(false),
  auth: z.string().optional(),
  secure: z.boolean().default(true),
  ignorePath: z.boolean().optional(),
  upgradeTimeout: durationMs.optional(),
  prependPath: z.boolean().optional(),
  preserveHeaderKeyCase: z.boolean().optional(),
  timeout: noLimitOr.optional(),
};

/** Options that a file can hold and that need Node's client, or httpxy's passes over the response. */
const PLAIN_NODE_SHAPE = {
  autoRewrite: z.boolean().optional(),
  cookieDomainRewrite: rewrites.optional(),
  cookiePathRewrite: rewrites.optional(),
  followRedirects: z
    .union([z.boolean(), z.number().int().min(0)], { error: 'must be true, false, or a number of redirects' })
    .optional(),
  hostRewrite: z.string().optional(),
  insecureHTTPParser: z.boolean().optional(),
  localAddress: z
    .string()
    .refine((address) => isIP(address) !== 0, 'must be an IP address of this host')
    .optional(),
  protocolRewrite: z.enum(['http', 'https', 'http:', 'https:']).nullable().optional(),
  proxyTimeout: noLimitOr.optional(),
  toProxy: z.boolean().optional(),
};

/** Options of http-proxy-middleware that every transport serves, or that none of them sees. */
const PROXY_SHAPE = {
  ...PLAIN_SHAPE,
  target: z.unknown().optional(),
  forward: z.unknown().optional(),
  router: z.unknown().optional(),
  pathFilter: z.unknown().optional(),
  pathRewrite: z.unknown().optional(),
  plugins: z.array(functionOption<() => void>()).default([]),
  ejectPlugins: z.boolean().optional(),
  on: listeners.default({}),
  logger: z
    .custom<object>(
      (value) =>
        ['info', 'warn', 'error'].every((level) => typeof Reflect.get(Object(value), level) === 'function'),
      'must have the functions info, warn and error',
    )
    .optional(),
  http2: z.unknown().optional(),
  headers: z.record(headerName, headerLines).default({}),
  buffer: z.custom<Readable>((value) => value instanceof Readable, 'must be a readable stream').optional(),
};

/** Options that need Node's client or httpxy's passes over the response. */
const NODE_SHAPE = {
  ...PLAIN_NODE_SHAPE,
  agent: z.unknown().optional(),
  selfHandleResponse: z.boolean().optional(),
  ssl: z.unknown().optional(),
};

/** Names of the options that need the node transport. */
export const NODE_OPTIONS = Object.keys(NODE_SHAPE) as (keyof typeof NODE_SHAPE)[];

/** The options that a configuration file can hold as they are. */
export const forwardFileShape = { ...TRANSPORT_SHAPE, ...PLAIN_SHAPE, ...PLAIN_NODE_SHAPE };

/** All options of `forward()`. */
export const forwardSchema = optionsObject({ ...TRANSPORT_SHAPE, ...PROXY_SHAPE, ...NODE_SHAPE });
