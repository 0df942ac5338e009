import type { Options } from 'http-proxy-middleware';
import { CREDENTIAL_HEADERS } from '../credential-headers.js';
import { invalidOption } from '../errors.js';
import { resolveOptions } from '../options.js';
import { chooseTransport, nodeReasons, UNDICI_OPTIONS } from './choose-transport.js';
import { forwardSchema, TRANSPORT_SHAPE } from './forward-schema.js';
import { checkRules } from './option-rules.js';
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
  /**
   * Origins beside the target's that `followRedirects` may lead to, as `['https://files.example.com']`; `'*'` is every
   * one. Credentials and the fields of `headers` stay behind. Exits of `proxyRotate()` follow within the origin alone.
   * @default [] - a redirect to another origin goes to the client
   */
  redirectOrigins?: '*' | string[];
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
  /** That transport was asked for: no call may take the other. */
  readonly forced: boolean;
  /** Options given that the node transport cannot honour. */
  readonly undiciOnly: readonly string[];
  readonly method: string | undefined;
  readonly fields: FieldPolicy;
  readonly connections: ConnectionOptions;
  readonly requestTimeoutMs: number;
  readonly maxKeptBytes: number;
}

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
  checkRules(options, place);
  const needsNode = nodeReasons(options, hooked);
  const { redirectOrigins = [] } = given;
  const undiciOnly = UNDICI_OPTIONS.filter((name) => given[name] !== undefined);
  return {
    transport: chooseTransport(given.transport, needsNode, undiciOnly, options, place),
    forced: given.transport !== 'auto',
    undiciOnly,
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
      redirects: {
        origins: redirectOrigins === '*' ? redirectOrigins : new Set(redirectOrigins),
        secretFields: [...CREDENTIAL_HEADERS, 'proxy-authorization', ...namesOf(given.headers)],
      },
    },
    requestTimeoutMs: given.requestTimeoutMs,
    maxKeptBytes: given.maxKeptBytes,
  };
}

const namesOf = (headers: object) => Object.keys(headers).map((name) => name.toLowerCase());

const prefix = (place: string) => (place === '' ? '' : `${place}.`);

function checkTarget({ target, router, forward }: ForwardOptions, place: string): void {
  if (target === undefined && router === undefined && forward === undefined) {
    throw invalidOption(`${prefix(place)}target`, 'is required where no router is given', target);
  }
  for (const [name, value] of Object.entries({ target, forward })) {
    if (value === undefined) continue;
    if (typeof value === 'object' && value !== null && !(value instanceof URL)) continue;
    targetUrl(value, `${prefix(place)}${name}`);
  }
}
