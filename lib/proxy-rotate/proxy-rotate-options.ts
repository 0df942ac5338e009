import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { invalidOption } from '../core/errors.js';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type NoProxy, noProxyList } from './no-proxy.js';
import { type ProxyAddress, proxyAddress } from './proxy-address.js';

/** How the exit of an attempt is chosen. */
export type RotateStrategy = 'round_robin' | 'on_rate_limit' | 'never' | 'least_used' | 'sticky';

/** A forward proxy with a name of its own. */
export interface NamedProxy {
  /** `http://user:password@host:port` or `https://…`, user and password percent-encoded. */
  url: string;
  /**
   * Its name in attempts, events and status.
   * @default host and port
   */
  name?: string;
  /** Certificates that an https proxy is trusted by, in place of the system's. */
  ca?: string | Buffer | (string | Buffer)[];
}

/** Options of `proxyRotate()`. */
export interface ProxyRotateOptions {
  /**
   * Names the API in events, status and errors.
   * @default 'default'
   */
  name?: string;
  /**
   * Forward proxies, http or https, each a URL that may hold user and password. With none every call is
   * refused, unless `fallback` or `noProxy` let it go direct.
   * @default []
   */
  proxies?: (string | NamedProxy)[];
  /**
   * `round_robin`, each in turn; `least_used`, the one with the fewest attempts under way; `sticky`, the same
   * for the same `stickyKey` as long as it is well; `on_rate_limit`, direct until the target answers a status
   * of `restOnStatus`, then through a proxy until that is over; `never`, always direct.
   * @default 'round_robin'
   */
  strategy?: RotateStrategy;
  /**
   * What calls have in common that shall go through the same exit, with the strategy `sticky`.
   * @default the client's address
   */
  stickyKey?(req: IncomingMessage): string;
  /**
   * How long an exit rests that has failed; doubled each time its trial fails.
   * @default 30000
   */
  cooldownMs?: number;
  /**
   * Longest rest, one that a target asks for by `Retry-After` included.
   * @default 600000, or cooldownMs where that is longer
   */
  maxCooldownMs?: number;
  /**
   * Failures in a row after which an exit rests.
   * @default 1
   */
  maxFailures?: number;
  /**
   * Statuses of the target after which the exit that was used rests, for that target only: as long as the
   * answer asks, or `cooldownMs`.
   * @default [429]
   */
  cooldownOnStatus?: number[];
  /**
   * What becomes of a call when no exit is left: `none` refuses it with 503 ERR_NO_PROXY, `direct` sends it
   * without a proxy.
   * @default 'none'
   */
  fallback?: 'none' | 'direct';
  /**
   * Targets that are called directly: `host`, `.suffix` or `*.suffix` for all below it, an IP address, a
   * range as `10.0.0.0/8`, each with `:port` if wanted; `*` for all. Names are not looked up.
   * @default []
   */
  noProxy?: string[];
  /**
   * `false` sends requests to http targets in absolute form, as proxies need it that allow no CONNECT to port
   * 80. The proxy reads them then, and what it answers by itself, but for 407, counts as the target's answer.
   * https targets and WebSockets always get a tunnel.
   * @default true
   */
  tunnel?: boolean;
  /**
   * Bound on the way through the exit: connection to the proxy, tunnel, TLS with the target. Passing it is
   * the exit's failure.
   * @default 5000
   */
  connectTimeoutMs?: number;
  /**
   * Connections through each exit to each target at most; more calls wait for one.
   * @default the connections of forward()
   */
  connections?: number;
}

const proxyUrl = z.string().superRefine((text, context) => {
  const read = proxyAddress(text);
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read });
});

const certificate = z.custom<string | Buffer>(
  (value) => typeof value === 'string' || Buffer.isBuffer(value),
  'must be a certificate in PEM',
);

const namedProxy = optionsObject({
  url: proxyUrl,
  name: z
    .string()
    .regex(/^[\u0020-\u007e]{1,100}$/, 'must be 1 to 100 printable ASCII characters')
    .optional(),
  ca: certificate.or(z.array(certificate)).optional(),
});

/** Not a union of schemas: its error would say of neither what is wrong. */
const proxyEntry = z.custom<string | NamedProxy>().superRefine((value, context) => {
  const { error } = (typeof value === 'string' ? proxyUrl : namedProxy).safeParse(value);
  for (const issue of error?.issues ?? []) context.addIssue({ ...issue, input: undefined });
});

/** The options that a configuration file can hold for one API. */
export const proxyRotateFileShape = {
  proxies: z.array(proxyEntry).default([]),
  strategy: z.enum(['round_robin', 'on_rate_limit', 'never', 'least_used', 'sticky']).default('round_robin'),
  cooldownMs: durationMs.default(30_000),
  maxCooldownMs: durationMs.optional(),
  maxFailures: count.default(1),
  cooldownOnStatus: z.array(z.number().int().min(400).max(599)).default([429]),
  fallback: z.enum(['none', 'direct']).default('none'),
  noProxy: z
    .array(z.string())
    .superRefine((entries, context) => {
      const list = noProxyList(entries);
      if (typeof list === 'function') return;
      const message = 'must be a host, .suffix, *.suffix, address, range or *, with :port if wanted';
      context.addIssue({ code: 'custom', message, path: [list.wrong] });
    })
    .default([]),
  tunnel: z.boolean().default(true),
  connectTimeoutMs: durationMs.default(5000),
  connections: count.optional(),
};

/** What `proxyRotate()` may be given. */
export const proxyRotateSchema = optionsObject({
  ...proxyRotateFileShape,
  name: z.string().min(1).default('default'),
  stickyKey: functionOption<NonNullable<ProxyRotateOptions['stickyKey']>>().optional(),
});

/** A proxy, ready to be used: its name is its own. */
export interface ResolvedProxy {
  readonly name: string;
  readonly address: ProxyAddress;
  readonly ca: NamedProxy['ca'];
}

/** {@link ProxyRotateOptions} with every default filled in. */
export type ResolvedProxyRotate = Readonly<
  Omit<z.output<typeof proxyRotateSchema>, 'proxies' | 'noProxy' | 'cooldownOnStatus' | 'maxCooldownMs'>
> & {
  readonly proxies: readonly ResolvedProxy[];
  readonly noProxy: NoProxy;
  readonly cooldownOnStatus: ReadonlySet<number>;
  readonly maxCooldownMs: number;
};

/**
 * Options with every default filled in, frozen.
 * @throws InvalidOptionError; it shows nothing of a proxy's URL
 */
export function resolveProxyRotate(options: ProxyRotateOptions, place = 'proxyRotate'): ResolvedProxyRotate {
  const given = resolveOptions(proxyRotateSchema, options, place);
  const { cooldownMs, maxCooldownMs = Math.max(600_000, cooldownMs) } = given;
  if (maxCooldownMs < cooldownMs) {
    const rule = `must be at least cooldownMs, which is ${cooldownMs}`;
    throw invalidOption(place === '' ? 'maxCooldownMs' : `${place}.maxCooldownMs`, rule, maxCooldownMs);
  }
  const noProxy = noProxyList(given.noProxy);
  return Object.freeze({
    ...given,
    maxCooldownMs,
    proxies: named(given.proxies),
    noProxy: typeof noProxy === 'function' ? noProxy : () => false,
    cooldownOnStatus: new Set(given.cooldownOnStatus),
  });
}

/** Each proxy under a name of its own: the second of one name is `name #2`. */
function named(proxies: readonly (string | NamedProxy)[]): ResolvedProxy[] {
  const taken = new Map<string, number>();
  const unique = (name: string): string => {
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return before === 0 ? name : unique(`${name} #${before + 1}`);
  };
  return proxies.flatMap((proxy) => {
    const { url, name, ca }: NamedProxy = typeof proxy === 'string' ? { url: proxy } : proxy;
    const address = proxyAddress(url);
    return typeof address === 'string' ? [] : [{ name: unique(name ?? address.authority), address, ca }];
  });
}
