import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import { invalidOption } from '../core/errors.js';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type BanConditions, type BanHead, banConditions, banRule, type IsBan, isBanBy } from './ban-rule.js';
import { type HealthCheckOptions, healthCheckOption } from './health-options.js';
import {
  costPerGb,
  isCertificate,
  isFileOrText,
  type NamedProxy,
  type ProxyList,
  proxiesOption,
  proxyTag,
  type ResolvedProxy,
  resolvedProxy,
} from './named-proxy.js';
import { type NoProxy, noProxyList } from './no-proxy.js';
import { proxyAddress } from './proxy-address.js';
import { proxiesOfVariables } from './proxy-variables.js';
import type { RequestsPerProxy } from './request-window.js';
import { UniqueNames } from './unique-names.js';

export type { NamedProxy, ProxyList, ResolvedProxy } from './named-proxy.js';

/** How the egress proxy of an attempt is chosen. */
export type RotateStrategy = 'round_robin' | 'on_rate_limit' | 'never' | 'least_used' | 'sticky';

/** Which of the proxies an API uses. */
export interface ProxyChoice {
  /** Those that have all of these tags. */
  tags: readonly string[];
}

/** Options of `proxyRotate()`. */
export interface ProxyRotateOptions {
  /**
   * Name of the API in events, status and errors.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Egress proxies: URLs as `http://user:password@host:port` (or https, or socks5h), or `{ url, name }`. Or where a list of them is,
   * `{ file }` or `{ url }`, which is read again when it changes. A URL with `{session}` in its user stands for as many
   * addresses as there are `sessions`. Without any proxy, every call is 503 ERR_NO_PROXY, unless `fallback` or `noProxy`
   * lets it go directly.
   * @default []
   */
  proxies?: readonly (string | NamedProxy)[] | ProxyList | undefined;
  /**
   * Takes the proxies from the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment, in lower or upper
   * case, as curl reads them: by the scheme of the target, where `example.com` in `NO_PROXY` includes its subdomains. A
   * target for whose scheme there is none gets 503 ERR_NO_PROXY, unless `fallback` lets it go directly. Not with `proxies`.
   * @default false
   */
  env?: boolean | undefined;
  /**
   * Uses some of the proxies only: those that have all of these tags.
   * @default all of them
   */
  use?: ProxyChoice | undefined;
  /**
   * Checks the proxies in the background: one that fails cools down, and calls are not sent through one that cools down or is
   * new before a check has succeeded. What fails through all of them is the fault of the checked URL, and is ignored. A gateway
   * is checked as one, and fails after three checks in a row.
   * @default no checks: calls find out
   */
  healthCheck?: HealthCheckOptions | undefined;
  /**
   * Most attempts at a time through each proxy, where it has no limit of its own, and through each session; open WebSockets count. While all that could be used are busy, a
   * call waits for up to `connectTimeoutMs`, and then gets 503 ERR_NO_PROXY.
   * @default no limit
   */
  maxConcurrency?: number | undefined;
  /**
   * Most requests through each proxy, or session of one, in a sliding window, retries included. While all that could be used have reached it, a call
   * waits as it does for `maxConcurrency`. Limits that targets advertise are followed for each proxy by `rateLimit`.
   * @default no limit
   */
  requestsPerProxy?: RequestsPerProxy | undefined;
  /**
   * What a gigabyte (10^9 bytes) through a proxy costs, where the proxy has no price of its own: for `cost` in
   * `/egress-status`.
   * @default no cost is shown
   */
  costPerGb?: number | undefined;
  /**
   * `'round_robin'`: each in turn. `'least_used'`: the one with the fewest attempts in progress and open WebSockets. `'sticky'`: the same
   * for the same `stickyKey`, while it works. `'on_rate_limit'`: directly until the target sends a status of
   * `cooldownOnStatus`, then through a proxy until that is over. `'never'`: always directly.
   * @default 'round_robin'
   */
  strategy?: RotateStrategy | undefined;
  /**
   * Calls with the same key use the same egress proxy, or session, with the strategy `'sticky'`. What the function throws fails
   * the call. An async function is an InvalidOptionError.
   * @default the client's address
   */
  stickyKey?: Callback<(req: IncomingMessage) => string> | undefined;
  /**
   * How long a proxy cools down after it failed; doubled each time its probe fails.
   * @default 30000
   */
  cooldownMs?: number | undefined;
  /**
   * Longest cool-down, one that a target requires by `Retry-After` included. Below `cooldownMs` it is an
   * InvalidOptionError.
   * @default 600000, or `cooldownMs` where that is longer
   */
  maxCooldownMs?: number | undefined;
  /**
   * Failures in a row after which a proxy cools down. Raise it for proxies that fail now and then.
   * @default 1
   */
  maxFailures?: number | undefined;
  /**
   * Most proxies that one call tries: after a failure of a proxy, and where the target refuses a call because of the
   * proxy it came through, the next is tried at once.
   * @default 5
   */
  maxProxiesPerCall?: number | undefined;
  /**
   * Statuses of the target after which the proxy that was used cools down, for that target only: for the time in
   * `Retry-After`, or `cooldownMs`.
   * @default [429]
   */
  cooldownOnStatus?: readonly number[] | undefined;
  /**
   * Responses of the target that may be a ban of the proxy: one that has any of these. A call that may be sent twice goes
   * through another proxy at once. If the target lets it pass there, the first proxy cools down for that target;
   * what all proxies get is passed on. A function gets status and headers; an async one is an InvalidOptionError.
   * @default {"status":[403]}
   */
  banWhen?: BanConditions | ((head: BanHead) => boolean) | undefined;
  /**
   * What happens to a call when no proxy is left: `'none'` is 503 ERR_NO_PROXY, `'direct'` sends it without a proxy
   * and so shows the target your own address.
   * @default 'none'
   */
  fallback?: 'none' | 'direct' | undefined;
  /**
   * Targets that are called directly: `host`, `.suffix` or `*.suffix`, an IP address, or a range as `10.0.0.0/8`,
   * each with `:port` if wanted; `*` is all. Names are not resolved.
   * @default []
   */
  noProxy?: readonly string[] | undefined;
  /**
   * `false` sends requests to http targets in absolute form instead of through CONNECT, for proxies that refuse
   * CONNECT to port 80. Such a proxy can read them, and its own responses, except 407, count as the target's. https
   * targets and WebSockets always use CONNECT.
   * @default true
   */
  tunnel?: boolean | undefined;
  /**
   * Time limit for the connection to the proxy, the tunnel and TLS with the target. Exceeding it moves the attempt on
   * to the next proxy. It is the proxy's failure, unless another is silent about that target as well.
   * @default 5000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Most connections through each proxy to each target; further requests wait for a free one.
   * @default the API's `connections`
   */
  connections?: number | undefined;
}

/** The options that a configuration file can hold for one API. */
export const proxyRotateFileShape = {
  proxies: proxiesOption(isFileOrText).default([]),
  env: z.boolean().default(false),
  use: optionsObject({ tags: z.array(proxyTag).min(1) }).optional(),
  maxConcurrency: count.optional(),
  requestsPerProxy: optionsObject({ limit: count.max(100_000), windowMs: durationMs }).optional(),
  costPerGb: costPerGb.optional(),
  healthCheck: healthCheckOption.optional(),
  strategy: z.enum(['round_robin', 'on_rate_limit', 'never', 'least_used', 'sticky']).default('round_robin'),
  cooldownMs: durationMs.default(30_000),
  maxCooldownMs: durationMs.optional(),
  maxFailures: count.default(1),
  maxProxiesPerCall: count.default(5),
  cooldownOnStatus: z.array(z.number().int().min(400).max(599)).default([429]),
  banWhen: banConditions.default({ status: [403] }),
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
  proxies: proxiesOption(isCertificate).default([]),
  banWhen: banRule.default({ status: [403] }),
  name: z.string().min(1).default('default'),
  stickyKey: functionOption<NonNullable<ProxyRotateOptions['stickyKey']>>()
    .refine(
      (key) => Object.prototype.toString.call(key) !== '[object AsyncFunction]',
      'must not be async: the key is needed at once',
    )
    .optional(),
});

/** {@link ProxyRotateOptions} with every default filled in. */
export type ResolvedProxyRotate = Readonly<
  Omit<
    z.output<typeof proxyRotateSchema>,
    'proxies' | 'banWhen' | 'noProxy' | 'cooldownOnStatus' | 'maxCooldownMs'
  >
> & {
  /** Those of the options; without `list` these are all. */
  readonly proxies: readonly ResolvedProxy[];
  readonly list?: ProxyList | undefined;
  readonly noProxy: NoProxy;
  readonly isBan: IsBan;
  readonly cooldownOnStatus: ReadonlySet<number>;
  readonly maxCooldownMs: number;
};

/**
 * Options with every default filled in, frozen.
 * @throws InvalidOptionError; it shows nothing of a proxy's URL
 */
export function resolveProxyRotate(options: ProxyRotateOptions, place = 'proxyRotate'): ResolvedProxyRotate {
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  const { banWhen, ...given } = resolveOptions(proxyRotateSchema, options, place);
  const { cooldownMs, maxCooldownMs = Math.max(600_000, cooldownMs) } = given;
  if (maxCooldownMs < cooldownMs) {
    const rule = `must be at least cooldownMs, which is ${cooldownMs}`;
    throw invalidOption(at('maxCooldownMs'), rule, maxCooldownMs);
  }
  refuseRotatingSticky(given, at);
  const list = Array.isArray(given.proxies) ? undefined : given.proxies;
  const own = Array.isArray(given.proxies) ? named(given.proxies) : [];
  if (given.env && (list || own.length > 0)) throw invalidOption(at('env'), 'cannot go with proxies', true);
  const said = given.env ? proxiesOfVariables(process.env, at('env')) : undefined;
  const noProxy = noProxyList([...given.noProxy, ...(said?.noProxy ?? [])]);
  const all = said?.proxies ?? own;
  const proxies = withTags(all, given.use?.tags);
  if (all.length > 0 && proxies.length === 0) {
    throw invalidOption(at('use.tags'), 'must be tags that at least one of the proxies has', given.use?.tags);
  }
  return Object.freeze({
    ...given,
    maxCooldownMs,
    proxies,
    ...(list ? { list } : {}),
    noProxy: typeof noProxy === 'function' ? noProxy : () => false,
    cooldownOnStatus: new Set(given.cooldownOnStatus),
    isBan: isBanBy(banWhen),
  });
}

/** @throws InvalidOptionError for a key that cannot keep its address */
function refuseRotatingSticky(
  { proxies, strategy }: Pick<ProxyRotateOptions, 'proxies' | 'strategy'>,
  at: (name: string) => string,
): void {
  if (strategy !== 'sticky' || !Array.isArray(proxies)) return;
  const i = proxies.findIndex((proxy) => typeof proxy !== 'string' && proxy.rotating);
  if (i < 0) return;
  const rule =
    "cannot go with the strategy 'sticky': use {session} in the url, which is a session for each key";
  throw invalidOption(at(`proxies[${i}].rotating`), rule, true);
}

/** Those of the proxies that have all of these tags. */
export function withTags(
  proxies: readonly ResolvedProxy[],
  tags: readonly string[] = [],
): readonly ResolvedProxy[] {
  return tags.length === 0
    ? proxies
    : proxies.filter((proxy) => tags.every((tag) => proxy.tags.includes(tag)));
}

/** Each proxy under a name of its own. */
function named(proxies: readonly (string | NamedProxy)[]): ResolvedProxy[] {
  const names = new UniqueNames();
  return proxies.flatMap((proxy) => {
    const given: NamedProxy = typeof proxy === 'string' ? { url: proxy } : proxy;
    const address = proxyAddress(given.url);
    if (typeof address === 'string') return [];
    return [resolvedProxy(given, address, names.take(given.name ?? address.authority))];
  });
}
