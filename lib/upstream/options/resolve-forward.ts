import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { credentialRule } from '../../core/credential-headers.js';
import { invalidOption } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import { PSEUDONYM } from '../../http/headers.js';
import { CONNECT_MS, type PhaseLimits } from '../attempt-clock.js';
import type { AdmissionRules } from '../request/admission.js';
import type { HeaderPolicy } from '../request/headers.js';
import { targetUrl } from '../request/target.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { chooseTransport, nodeReasons, UNDICI_OPTIONS } from './choose-transport.js';
import type { ForwardOptions } from './forward-options.js';
import { forwardSchema, TRANSPORT_SHAPE } from './forward-schema.js';
import { checkRules } from './rules.js';
import { checkTls, targetTls } from './tls-options.js';

/** The options of a `forward()`, resolved. */
export interface UpstreamOptions {
  readonly transport: 'undici' | 'node';
  /** The user chose the transport: no call may use the other. */
  readonly forced: boolean;
  /** Options given that the node transport does not support. */
  readonly undiciOnly: readonly string[];
  readonly method: string | undefined;
  readonly upgrades: readonly string[];
  readonly admission: AdmissionRules;
  readonly headers: HeaderPolicy;
  readonly connections: ConnectionOptions;
  readonly limits: PhaseLimits;
  /** What the target may take from the last byte of a request to its head; 0 is no limit. */
  readonly requestTimeoutMs: number;
  readonly maxKeptBytes: number;
  /** No attempt is sent without an egress proxy unless the rotation allows it. */
  readonly egressOnly: boolean;
  /** A stage in front has admitted each call. */
  readonly admitted: boolean;
}

/** Names of all options of `forward()`. */
export const FORWARD_OPTIONS: readonly string[] = Object.keys(forwardSchema.shape);

/** Names of this package's own options, which http-proxy-middleware must not get. */
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
  checkTls(given, place);
  const needsNode = nodeReasons(options, hooked);
  const { redirectOrigins = [] } = given;
  // One for each: a call may well pass two of them, but none of them twice.
  const { via = `${PSEUDONYM}-${randomUUID().slice(0, 8)}` } = given;
  const name = via === false ? undefined : via;
  const undiciOnly = UNDICI_OPTIONS.filter((name) => given[name] !== undefined);
  return {
    transport: chooseTransport(given.transport, needsNode, undiciOnly, options, place),
    forced: given.transport !== 'auto',
    undiciOnly,
    method: given.method,
    upgrades: given.upgrades,
    admission: {
      methods: given.methods,
      traceMethod: given.traceMethod,
      method: given.method,
      via: name,
    },
    headers: {
      forwardHeaders: given.forwardHeaders,
      forwardCookies: given.forwardCookies,
      headers: given.headers,
      auth: given.auth,
      changeOrigin: given.changeOrigin,
      xfwd: given.xfwd,
      via: name,
    },
    connections: {
      connections: given.connections,
      keepAliveTimeoutMs: given.keepAliveTimeoutMs ?? 4000,
      maxConnectionAgeMs: limit(given.maxConnectionAgeMs),
      connectTimeoutMs: given.connectTimeoutMs ?? CONNECT_MS,
      bodyTimeoutMs: given.bodyTimeoutMs,
      maxResponseHeaderBytes: given.maxResponseHeaderBytes ?? 65_536,
      secure: given.secure,
      tls: targetTls(given),
      setCookie: given.forwardCookies,
      rewriteLocation: given.rewriteLocation,
      insecureHTTPParser: given.insecureHTTPParser ?? false,
      maxSockets: limit(given.maxSockets),
      maxSocketsPerClient: limit(given.maxSocketsPerClient),
      socketIdleMs: limit(given.socketIdleTimeoutMs),
      socketAgeMs: limit(given.maxSocketAgeMs),
      redirects: {
        origins: redirectOrigins === '*' ? redirectOrigins : new Set(redirectOrigins),
        isSecret: credentialRule({ also: Object.keys(given.headers) }),
      },
    },
    limits: limitsOf(given, options),
    requestTimeoutMs: given.requestTimeoutMs,
    maxKeptBytes: given.maxKeptBytes,
    egressOnly: false,
    admitted: false,
  };
}

function limitsOf(
  {
    queueTimeoutMs,
    connectTimeoutMs,
    bodyTimeoutMs,
    minBodyRate,
    streamIdleTimeoutMs,
    proxyTimeout = 0,
  }: ParsedLimits,
  given: ForwardOptions,
): PhaseLimits {
  // Of two limits on one thing the smaller holds, but a default never beats what was given.
  const byProxyTimeout = proxyTimeout > 0 && given.bodyTimeoutMs === undefined;
  return Object.freeze({
    queueMs: queueTimeoutMs === undefined ? undefined : limit(queueTimeoutMs),
    connectMs: connectTimeoutMs,
    uploadMs: limit(bodyTimeoutMs),
    minBodyRate,
    bodyMs: byProxyTimeout ? Number.POSITIVE_INFINITY : limit(bodyTimeoutMs),
    streamIdleMs: limit(streamIdleTimeoutMs ?? given.bodyTimeoutMs ?? 0),
  });
}

type ParsedLimits = Pick<
  z.output<typeof forwardSchema>,
  | 'queueTimeoutMs'
  | 'connectTimeoutMs'
  | 'bodyTimeoutMs'
  | 'minBodyRate'
  | 'streamIdleTimeoutMs'
  | 'proxyTimeout'
>;

const limit = (ms: number) => ms || Number.POSITIVE_INFINITY;

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
