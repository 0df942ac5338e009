import type { Options } from 'http-proxy-middleware';
import { z } from 'zod';
import { invalidOption } from '../errors.js';
import {
  count,
  durationMs,
  fieldName,
  fieldValue,
  functionOption,
  optionsObject,
  resolveOptions,
  sizeBytes,
} from '../options.js';
import type { FieldPolicy } from './request-fields.js';
import { targetUrl } from './target.js';
import type { ConnectionOptions } from './undici-transport.js';

/** What `forward()` adds to http-proxy-middleware's options. */
export interface TransportOptions {
  /**
   * What carries the call: undici's pools, or Node's own client for the options that need it. `'auto'`
   * takes undici wherever it can honour all options given; one that a forced transport cannot honour is
   * refused.
   * @default 'auto'
   */
  transport?: 'auto' | 'undici' | 'node';
  /**
   * Connections to each target (and exit) at most; more calls wait for one.
   * @default 256
   */
  connections?: number;
  /**
   * How long an unused connection is kept, where the target does not ask for less; undici transport.
   * @default 4000
   */
  keepAliveTimeoutMs?: number;
  /**
   * Bound on TCP and TLS set-up; undici transport.
   * @default 10000
   */
  connectTimeoutMs?: number;
  /**
   * Longest pause between two chunks of a body; 0 is no limit.
   * @default 30000
   */
  bodyTimeoutMs?: number;
  /**
   * Bound on one attempt over queue, connect, TLS, upload and head; 0 is no limit. A `breaker()` in front
   * sets its own.
   * @default 0
   */
  requestTimeoutMs?: number;
  /**
   * Largest head of an answer; undici transport.
   * @default 65536
   */
  maxResponseHeaderBytes?: number;
  /**
   * Bytes of request bodies that all calls together keep to send again.
   * @default 67108864
   */
  maxKeptBytes?: number;
  /**
   * Which of the client's fields reach the target: `true`, all but hop-by-hop; `false`, only those HTTP
   * itself needs (`Accept…`, `Content-…`, `If-…`, `Range`, `Cache-Control`, `User-Agent`); a list, those and the named.
   * @default true
   */
  forwardHeaders?: boolean | string[];
  /**
   * Whether `Cookie` reaches the target and its `Set-Cookie` the client.
   * @default true
   */
  forwardCookies?: boolean;
  /** Method sent to the target in place of the client's. */
  method?: string;
  /** Certificates that are trusted beside the system's; node transport. */
  ca?: string | Buffer | (string | Buffer)[];
  /** Fields added to every call, a list as that many lines; they win over the client's, in any letter case. */
  headers?: Record<string, string | string[]>;
}

/** Options of `forward()`: http-proxy-middleware's, and those of the transports. */
export interface ForwardOptions extends Omit<Options, 'headers'>, TransportOptions {}

/** The options of a `forward()`, resolved. */
export interface UpstreamOptions {
  readonly transport: 'undici' | 'node';
  readonly method: string | undefined;
  readonly fields: FieldPolicy;
  readonly connections: ConnectionOptions;
  readonly requestTimeoutMs: number;
  readonly maxKeptBytes: number;
}

const NO_LIMIT = 'must be a number of at least 1, or 0 for no limit';
const noLimitOr = z
  .number({ error: NO_LIMIT })
  .max(2_147_483_647)
  .refine((ms) => ms === 0 || ms >= 1, NO_LIMIT);

const TRANSPORT_SHAPE = {
  transport: z.enum(['auto', 'undici', 'node']).default('auto'),
  connections: count.default(256),
  keepAliveTimeoutMs: durationMs.optional(),
  connectTimeoutMs: durationMs.optional(),
  bodyTimeoutMs: noLimitOr.default(30_000),
  requestTimeoutMs: noLimitOr.default(0),
  maxResponseHeaderBytes: sizeBytes.min(1024).optional(),
  maxKeptBytes: sizeBytes.default(64 * 1024 * 1024),
  forwardHeaders: z.boolean().or(z.array(fieldName)).default(true),
  forwardCookies: z.boolean().default(true),
  method: z
    .string()
    .regex(/^[A-Z]+$/, 'must be a method in capitals, as POST')
    .optional(),
};

const PROXY_SHAPE = {
  target: z.unknown().optional(),
  router: z.unknown().optional(),
  pathFilter: z.unknown().optional(),
  pathRewrite: z.unknown().optional(),
  plugins: z.array(functionOption<() => void>()).default([]),
  ejectPlugins: z.boolean().optional(),
  on: z.record(z.string(), functionOption<() => void>().optional()).default({}),
  logger: z.unknown().optional(),
  ws: z.boolean().optional(),
  changeOrigin: z.boolean().default(false),
  headers: z.record(fieldName, fieldValue.or(z.array(fieldValue))).default({}),
  xfwd: z.boolean().default(false),
  auth: z.string().optional(),
  secure: z.boolean().default(true),
  ignorePath: z.boolean().optional(),
  upgradeTimeout: durationMs.optional(),
  prependPath: z.boolean().optional(),
};

/** Options that need Node's client or httpxy's passes over the answer. */
const NODE_OPTIONS = [
  'agent',
  'autoRewrite',
  'buffer',
  'ca',
  'cookieDomainRewrite',
  'cookiePathRewrite',
  'followRedirects',
  'forward',
  'hostRewrite',
  'http2',
  'localAddress',
  'preserveHeaderKeyCase',
  'protocolRewrite',
  'proxyTimeout',
  'selfHandleResponse',
  'ssl',
  'timeout',
  'toProxy',
] as const;
const NODE_EVENTS = ['proxyReq', 'proxyRes', 'end', 'econnreset'] as const;
const UNDICI_OPTIONS = ['keepAliveTimeoutMs', 'connectTimeoutMs', 'maxResponseHeaderBytes'] as const;
const TARGET_PARTS = ['socketPath', 'pfx', 'key', 'passphrase', 'cert', 'ca', 'ciphers', 'secureProtocol'];

const forwardSchema = optionsObject({
  ...TRANSPORT_SHAPE,
  ...PROXY_SHAPE,
  ...Object.fromEntries(NODE_OPTIONS.map((name) => [name, z.unknown().optional()])),
});

/** Names of all options of `forward()`. */
export const FORWARD_OPTIONS: readonly string[] = Object.keys(forwardSchema.shape);

/** Names of the options that are the package's own and no business of http-proxy-middleware's. */
export const TRANSPORT_OPTIONS: readonly string[] = Object.keys(TRANSPORT_SHAPE);

/**
 * Checks the options of `forward()` and chooses the transport.
 * @throws InvalidOptionError
 */
export function resolveForward(
  options: ForwardOptions,
  place: string,
  hooked: readonly string[] = [],
): UpstreamOptions {
  const given = resolveOptions(forwardSchema, options, place);
  checkTarget(options, place);
  const needsNode = nodeReasons(options, hooked);
  const needsUndici = UNDICI_OPTIONS.filter((name) => given[name] !== undefined);
  return {
    transport: chooseTransport(given.transport, needsNode, needsUndici, options, place),
    method: given.method,
    fields: {
      forwardHeaders: given.forwardHeaders,
      forwardCookies: given.forwardCookies,
      headers: given.headers,
      auth: given.auth,
      changeOrigin: given.changeOrigin,
      xfwd: given.xfwd,
    },
    connections: {
      connections: given.connections,
      keepAliveTimeoutMs: given.keepAliveTimeoutMs ?? 4000,
      connectTimeoutMs: given.connectTimeoutMs ?? 10_000,
      bodyTimeoutMs: given.bodyTimeoutMs,
      maxResponseHeaderBytes: given.maxResponseHeaderBytes ?? 65_536,
      secure: given.secure,
      setCookie: given.forwardCookies,
    },
    requestTimeoutMs: given.requestTimeoutMs,
    maxKeptBytes: given.maxKeptBytes,
  };
}

const prefix = (place: string) => (place === '' ? '' : `${place}.`);

function checkTarget({ target, router }: ForwardOptions, place: string): void {
  if (target === undefined && router === undefined) {
    throw invalidOption(`${prefix(place)}target`, 'is required where no router is given', target);
  }
  if (target === undefined) return;
  if (typeof target !== 'object' || target instanceof URL) targetUrl(target, `${prefix(place)}target`);
}

function nodeReasons(options: ForwardOptions, hooked: readonly string[]): string[] {
  const { target, on = {} } = options;
  const named = NODE_OPTIONS.filter((name) => {
    const value: unknown = Reflect.get(options, name);
    return value !== undefined && value !== false;
  });
  const events = NODE_EVENTS.filter((name) => on[name] !== undefined || hooked.includes(name));
  const parts =
    typeof target === 'object' && !(target instanceof URL)
      ? TARGET_PARTS.filter((name) => name in target)
      : [];
  return [...named, ...events.map((name) => `on.${name}`), ...parts.map((name) => `target.${name}`)];
}

function valueAt(options: ForwardOptions, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => Reflect.get(Object(value), key), options);
}

function chooseTransport(
  asked: 'auto' | 'undici' | 'node',
  needsNode: readonly string[],
  needsUndici: readonly string[],
  options: ForwardOptions,
  place: string,
): 'undici' | 'node' {
  const [node] = needsNode;
  const [undici] = needsUndici;
  if (node && asked === 'undici') {
    throw invalidOption(
      prefix(place) + node,
      "cannot be honoured by transport 'undici': use 'node' or 'auto'",
      valueAt(options, node),
    );
  }
  if (undici && (asked === 'node' || node)) {
    const why = node
      ? `cannot go with ${node}, which needs transport 'node'`
      : "cannot be honoured by transport 'node'";
    throw invalidOption(prefix(place) + undici, why, valueAt(options, undici));
  }
  return node || asked === 'node' ? 'node' : 'undici';
}
