import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { invalidOption } from '../core/errors.js';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type NoProxy, noProxyList } from './no-proxy.js';
import { type ProxyAddress, proxyAddress } from './proxy-address.js';

/** How the egress proxy of an attempt is chosen. */
export type RotateStrategy = 'round_robin' | 'on_rate_limit' | 'never' | 'least_used' | 'sticky';

/** An egress proxy with a name of its own. */
export interface NamedProxy {
  /** `http://user:password@host:port` or `https://…`, user and password percent-encoded. */
  url: string;
  /**
   * Its name in attempts, events and status.
   * @default host and port
   */
  name?: string;
  /**
   * Certificate authorities in PEM that an https proxy is trusted by.
   * @default the system's
   */
  ca?: string | Buffer | (string | Buffer)[];
}

/** Options of `proxyRotate()`. */
export interface ProxyRotateOptions {
  /**
   * Name of the API in events, status and errors.
   * @default 'default'
   */
  name?: string;
  /**
   * Egress proxies: URLs as `http://user:password@host:port` (or https), or `{ url, name }`. Without any, every call
   * is 503 ERR_NO_PROXY, unless `fallback` or `noProxy` lets it go directly.
   * @default []
   */
  proxies?: (string | NamedProxy)[];
  /**
   * `'round_robin'`: each in turn. `'least_used'`: the one with the fewest attempts in progress. `'sticky'`: the same
   * for the same `stickyKey`, while it works. `'on_rate_limit'`: directly until the target sends a status of
   * `cooldownOnStatus`, then through a proxy until that is over. `'never'`: always directly.
   * @default 'round_robin'
   */
  strategy?: RotateStrategy;
  /**
   * Calls with the same key use the same egress proxy, with the strategy `'sticky'`. What the function throws fails
   * the call.
   * @default the client's address
   */
  stickyKey?(req: IncomingMessage): string;
  /**
   * How long a proxy cools down after it failed; doubled each time its probe fails.
   * @default 30000
   */
  cooldownMs?: number;
  /**
   * Longest cool-down, one that a target requires by `Retry-After` included. Below `cooldownMs` it is an
   * InvalidOptionError.
   * @default 600000, or `cooldownMs` where that is longer
   */
  maxCooldownMs?: number;
  /**
   * Failures in a row after which a proxy cools down. Raise it for proxies that fail now and then.
   * @default 1
   */
  maxFailures?: number;
  /**
   * Statuses of the target after which the proxy that was used cools down, for that target only: for the time in
   * `Retry-After`, or `cooldownMs`.
   * @default [429]
   */
  cooldownOnStatus?: number[];
  /**
   * What happens to a call when no proxy is left: `'none'` is 503 ERR_NO_PROXY, `'direct'` sends it without a proxy
   * and so shows the target your own address.
   * @default 'none'
   */
  fallback?: 'none' | 'direct';
  /**
   * Targets that are called directly: `host`, `.suffix` or `*.suffix`, an IP address, or a range as `10.0.0.0/8`,
   * each with `:port` if wanted; `*` is all. Names are not resolved.
   * @default []
   */
  noProxy?: string[];
  /**
   * `false` sends requests to http targets in absolute form instead of through CONNECT, for proxies that refuse
   * CONNECT to port 80. Such a proxy can read them, and its own responses, except 407, count as the target's. https
   * targets and WebSockets always use CONNECT.
   * @default true
   */
  tunnel?: boolean;
  /**
   * Time limit for the connection to the proxy, the tunnel and TLS with the target. Exceeding it is the proxy's
   * failure: the attempt moves on to the next one.
   * @default 5000
   */
  connectTimeoutMs?: number;
  /**
   * Most connections through each proxy to each target; further requests wait for a free one.
   * @default the API's `connections`
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
