import { z } from 'zod';
import { type BreakerOptions, breakerSchema } from './breaker/breaker-options.js';
import { type CacheOptions, cacheSchema } from './cache/cache-options.js';
import { invalidOption } from './errors.js';
import { type ExplainOptions, resolveExplain } from './explain/explain-options.js';
import { type MetricsOptions, metricsSchema } from './metrics/metrics-options.js';
import { optionsObject, resolveOptions, sizeBytes, unknownKey } from './options.js';
import {
  type ProxyRotateOptions,
  proxyRotateSchema,
  resolveProxyRotate,
} from './proxy-rotate/proxy-rotate-options.js';
import { type RateLimitOptions, rateLimitSchema, resolveRateLimit } from './rate-limit/rate-limit-options.js';
import { type RedisConnection, redisConnection } from './redis/redis-client.js';
import { type RetryOptions, retrySchema } from './retry/retry-options.js';
import { type StatsOptions, statsSchema } from './stats/stats-options.js';
import { type TracingOptions, tracingSchema } from './tracing/tracing-options.js';
import { FORWARD_OPTIONS, type ForwardOptions, resolveForward } from './upstream/forward-options.js';
import type { BodyRules } from './validate-body/validate-body.js';

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

const rulesSchema = z.object({
  requiresBody: z.boolean().default(false),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
});

/** The options of one API, sorted by the part that they are for. */
export interface SortedOptions {
  readonly rules: BodyRules;
  readonly explain: ExplainOptions | false;
  readonly cache: Omit<CacheOptions, 'name'> | false;
  readonly rateLimit: Omit<RateLimitOptions, 'name' | 'redis'> | false;
  readonly breaker: Omit<BreakerOptions, 'name' | 'registry'> | false;
  readonly retry: RetryOptions | false;
  readonly proxyRotate: Omit<ProxyRotateOptions, 'name'> | false;
  readonly forward: ForwardOptions;
  /** Whether the proxy listens for upgrades by itself. */
  readonly ws: boolean;
}

// The API's name is that of its parts, and what they share belongs to all APIs.
const apiCacheSchema = without(cacheSchema, ['name']);
const apiRateLimitSchema = without(rateLimitSchema, ['name', 'redis']);
const apiBreakerSchema = without(breakerSchema, ['name', 'registry']);
const apiProxyRotateSchema = without(proxyRotateSchema, ['name']);
const ownStatsSchema = without(statsSchema, ['name', 'apis', 'redis']);
const ownMetricsSchema = without(metricsSchema, ['name', 'circuits', 'egress']);
const ownTracingSchema = without(tracingSchema, ['name']);

function without({ shape }: z.ZodObject, names: readonly string[]): z.ZodObject {
  return optionsObject(Object.fromEntries(Object.entries(shape).filter(([key]) => !names.includes(key))));
}

const OWN_OPTIONS = [
  'requiresBody',
  'validateJson',
  'maxBodyBytes',
  'explain',
  'cache',
  'rateLimit',
  'breaker',
  'retry',
  'proxyRotate',
];

/**
 * Sorts the options of one API, and checks them where the place they stand at is known.
 * @param place as `apis.github`; empty for a single API
 * @throws InvalidOptionError
 */
export function sortOptions(place: string, options: ApiOptions): SortedOptions {
  const known = [...OWN_OPTIONS, ...FORWARD_OPTIONS];
  const stray = Object.keys(options).find((key) => !known.includes(key));
  if (stray) throw invalidOption(at(place, stray), unknownKey(stray, known), Reflect.get(options, stray));
  const {
    requiresBody,
    validateJson,
    maxBodyBytes,
    explain = false,
    cache = false,
    rateLimit = false,
    breaker = {},
    retry = {},
    proxyRotate = false,
    ws = false,
    ...rest
  } = options;
  const rules = resolveOptions(rulesSchema, { requiresBody, validateJson, maxBodyBytes }, place);
  const forward = { changeOrigin: true, forwardCookies: false, requestTimeoutMs: 10_000, ...rest };
  resolveForward({ ...forward, ws }, place);
  checkBlock(apiCacheSchema, cache, at(place, 'cache'));
  checkBlock(apiRateLimitSchema, rateLimit, at(place, 'rateLimit'));
  if (rateLimit) resolveRateLimit(rateLimit, at(place, 'rateLimit'));
  checkBlock(retrySchema, retry, at(place, 'retry'));
  checkBlock(apiProxyRotateSchema, proxyRotate, at(place, 'proxyRotate'));
  if (proxyRotate) {
    resolveProxyRotate(proxyRotate, at(place, 'proxyRotate'));
    const { agent, target, forward: copy } = rest;
    if (copy) throw invalidOption(at(place, 'forward'), 'cannot go with proxyRotate: copies go direct', copy);
    if (agent)
      throw invalidOption(at(place, 'agent'), 'cannot go with proxyRotate, which has its own', agent);
    if (typeof target === 'object' && 'socketPath' in target)
      throw invalidOption(at(place, 'target.socketPath'), 'cannot go with proxyRotate', target.socketPath);
  }
  checkBlock(apiBreakerSchema, breaker, at(place, 'breaker'));
  return {
    explain: explained(explain, at(place, 'explain')),
    rules: { ...rules, validateJson: rules.validateJson ?? rules.requiresBody },
    cache,
    rateLimit,
    breaker,
    retry,
    proxyRotate,
    forward,
    ws,
  };
}

function explained(value: unknown, place: string): ExplainOptions | false {
  if (typeof value === 'boolean') return value && {};
  if (typeof value === 'object' && value !== null) return resolveExplain(value, place);
  throw invalidOption(place, 'must be true, false or an object of options', value);
}

function checkBlock(schema: z.ZodType, value: unknown, place: string): void {
  if (value === false) return;
  if (typeof value !== 'object') throw invalidOption(place, 'must be an object of options, or false', value);
  resolveOptions(schema, value, place);
}

const at = (place: string, key: string) => (place === '' ? key : `${place}.${key}`);
