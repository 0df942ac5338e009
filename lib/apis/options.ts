import type { BreakerOptions } from '../breaker/breaker-options.js';
import type { CacheOptions } from '../cache/cache-options.js';
import { invalidOption } from '../core/errors.js';
import { resolveOptions, unknownKey } from '../core/options.js';
import type { ExplainOptions } from '../explain/explain-options.js';
import { type MetricsOptions, metricsSchema } from '../metrics/metrics-options.js';
import type { ProxyRotateOptions } from '../proxy-rotate/proxy-rotate-options.js';
import type { RateLimitOptions } from '../rate-limit/rate-limit-options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';
import type { RetryOptions } from '../retry/retry-options.js';
import { type StatsOptions, statsSchema } from '../stats/stats-options.js';
import { type TracingOptions, tracingSchema } from '../tracing/tracing-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { checkBlock, without } from './blocks.js';

/**
 * One API of `resilientProxy()`. All options of `forward()` are taken too; those whose default differs
 * here are listed.
 */
export interface ApiOptions extends ForwardOptions {
  /**
   * Refuses calls without a body: 400 ERR_BODY_REQUIRED.
   * @default false
   */
  requiresBody?: boolean;
  /**
   * Refuses bodies that are no JSON: 400 ERR_INVALID_JSON, and the target is not called.
   * @default the value of `requiresBody`
   */
  validateJson?: boolean;
  /**
   * Largest body that is read to be checked; a larger one is 413 ERR_BODY_TOO_LARGE. Bodies that are not
   * checked stream through at any size.
   * @default 1048576
   */
  maxBodyBytes?: number;
  /**
   * Whether `Cookie` reaches the target and its `Set-Cookie` the client: an application's session is no
   * business of a third party.
   * @default false
   */
  forwardCookies?: boolean;
  /**
   * `Host` is the target's.
   * @default true
   */
  changeOrigin?: boolean;
  /**
   * Bound on one attempt up to its head where the breaker is off; else `breaker.requestTimeoutMs` is.
   * @default 10000
   */
  requestTimeoutMs?: number;
  /**
   * Listens for upgrades by itself from the first call on, in Express below the path that this came in at. One that is
   * a server's first request is missed then; `server.on('upgrade', proxy.upgrade)` misses none, without this option.
   * @default false
   */
  ws?: boolean;
  /**
   * Tells clients how their calls went, by `Server-Timing` and `Proxy-Status` in each answer: `true`, or the options
   * of `explain()`.
   * @default false
   */
  explain?: boolean | ExplainOptions;
  /** Keeps answers and sends them again: the options of `cache()`; off unless given. */
  cache?: Omit<CacheOptions, 'name'> | false;
  /** Keeps calls within a quota: the options of `rateLimit()`, of which `{}` learns it; off unless given. */
  rateLimit?: Omit<RateLimitOptions, 'name' | 'redis'> | false;
  /** The circuit breaker's options; `false` turns it off. */
  breaker?: Omit<BreakerOptions, 'name' | 'registry'> | false;
  /** The options of retrying; `false` turns it off. */
  retry?: RetryOptions | false;
  /** Sends calls through forward proxies: the options of `proxyRotate()`; off unless given. */
  proxyRotate?: Omit<ProxyRotateOptions, 'name'> | false;
}

/** What belongs to no API alone. */
export interface SharedOptions {
  /**
   * Where processes share what they know: a client of ioredis, which is left open, its options, or a `redis:` or
   * `rediss:` URL. Caches then keep answers there, behind those in memory; rate limits and statistics are those of
   * all. Without it every process is by itself, and so it is while Redis is away.
   */
  redis?: RedisConnection;
  /** Options of `stats()`, which counts every call; `false` turns it off. */
  stats?: Omit<StatsOptions, 'name' | 'apis' | 'redis'> | false;
  /** Options of `metrics()`, for Prometheus; off unless given. */
  metrics?: Omit<MetricsOptions, 'name' | 'circuits' | 'egress'> | false;
  /** Options of `tracing()`, spans of OpenTelemetry; off unless given. */
  tracing?: Omit<TracingOptions, 'name'> | false;
}

/** One API: its name in errors, events and circuits beside its options. */
export interface SingleApiConfig extends ApiOptions, SharedOptions {
  name: string;
  /** Belongs to a configuration of many APIs. */
  apis?: never;
  /** Belongs to a configuration of many APIs. */
  defaults?: never;
}

type NoneOf<T> = { [K in keyof T]?: never };

/** Many APIs, each under the first segment of the path. */
export interface ManyApisConfig extends SharedOptions, NoneOf<ApiOptions & { name: string }> {
  apis: Record<string, ApiOptions>;
  /** What every API has that does not say otherwise. The blocks of the parts are merged one by one. */
  defaults?: Partial<ApiOptions>;
}

/** What {@link resilientProxy} is configured with. */
export type ResilientProxyConfig = SingleApiConfig | ManyApisConfig;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;

/** A configuration whose APIs have their defaults merged in. */
export interface ResolvedConfig {
  /** It is one API, that no path has to name. */
  readonly single: boolean;
  readonly apis: ReadonlyMap<string, ApiOptions>;
  readonly shared: SharedOptions;
}

/** The APIs of a configuration with their defaults merged in. @throws InvalidOptionError */
export function resolveConfig(config: ResilientProxyConfig): ResolvedConfig {
  if (typeof config !== 'object' || config === null)
    throw invalidOption('config', 'must be an object', config);
  if (!hasMany(config)) {
    const { name, redis, stats, metrics, tracing, ...options } = config;
    const shared = resolveShared({ redis, stats, metrics, tracing });
    return { single: true, apis: new Map([[apiName(name, 'name'), options]]), shared };
  }
  const { apis, defaults = {}, ...rest } = config;
  const known = ['apis', 'defaults', 'redis', 'stats', 'metrics', 'tracing'];
  const stray = Object.keys(rest).find((key) => !known.includes(key));
  if (stray) throw invalidOption(stray, unknownKey(stray, known), Reflect.get(rest, stray));
  const shared = resolveShared(rest);
  if (typeof apis !== 'object' || apis === null) throw invalidOption('apis', 'must be an object', apis);
  const entries = Object.entries(apis).map(([name, options]): [string, ApiOptions] => {
    const place = `apis.${name}`;
    apiName(name, place);
    if (typeof options !== 'object' || options === null)
      throw invalidOption(place, 'must be an object', options);
    return [name, merge(defaults, options)];
  });
  return { single: false, apis: new Map(entries), shared };
}

// What is never given tells TypeScript nothing apart.
const hasMany = (config: ResilientProxyConfig): config is ManyApisConfig => 'apis' in config;

// What they share belongs to all APIs, and is given by the factory.
const ownStatsSchema = without(statsSchema, ['name', 'apis', 'redis']);
const ownMetricsSchema = without(metricsSchema, ['name', 'circuits', 'egress']);
const ownTracingSchema = without(tracingSchema, ['name']);

function resolveShared(options: SharedOptions): SharedOptions {
  const { redis, stats, metrics, tracing } = options;
  if (redis !== undefined) resolveOptions(redisConnection, redis, 'redis');
  if (stats !== undefined) checkBlock(ownStatsSchema, stats, 'stats');
  if (metrics !== undefined) checkBlock(ownMetricsSchema, metrics, 'metrics');
  if (tracing !== undefined) checkBlock(ownTracingSchema, tracing, 'tracing');
  return options;
}

function apiName(name: unknown, place: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw invalidOption(
    place,
    'must be a name of letters, digits, "-", "_", "." and "~" that begins with a letter or a digit',
    name,
  );
}

type Block = 'cache' | 'rateLimit' | 'breaker' | 'retry' | 'proxyRotate';

function merge(defaults: Partial<ApiOptions>, options: ApiOptions): ApiOptions {
  const block = <K extends Block>(key: K): ApiOptions[K] => {
    const own = options[key];
    const common = defaults[key];
    if (own === undefined) return common;
    return own && common ? { ...common, ...own } : own;
  };
  return {
    ...defaults,
    ...options,
    explain: options.explain ?? defaults.explain,
    cache: block('cache'),
    rateLimit: block('rateLimit'),
    breaker: block('breaker'),
    retry: block('retry'),
    proxyRotate: block('proxyRotate'),
  };
}
