import { DEFAULT_CACHE_BYTES } from '../cache/cache-stores.js';
import { InvalidOptionError, invalidOption } from '../core/errors.js';
import { optionsObject, resolveOptions, sizeBytes, without } from '../core/options.js';
import { unknownName } from '../core/unknown-name.js';
import type { ExplainOptions } from '../explain/explain-options.js';
import { type MetricsOptions, metricsSchema } from '../metrics/metrics-options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';
import { type StatsOptions, statsSchema } from '../stats/stats-options.js';
import { type TracingOptions, tracingSchema } from '../tracing/tracing-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { checkBlock } from './blocks.js';
import { ALL_PARTS, type PartBlocks } from './part-list.js';
import { ROOT_PLACES } from './places.js';
import type { OwnStage } from './stages.js';

/**
 * One API of `resilientProxy()`. All options of {@link ForwardOptions} apply too; listed here are those with another
 * default, and the blocks of the parts.
 */
export interface ApiOptions extends ForwardOptions, PartBlocks {
  /**
   * Refuses requests without a body: 400 ERR_BODY_REQUIRED.
   * @default false
   */
  requiresBody?: boolean;
  /**
   * Refuses request bodies that are not JSON: 400 ERR_INVALID_JSON, without a request to the target.
   * @default the value of `requiresBody`
   */
  validateJson?: boolean;
  /**
   * Largest body that `validateJson` reads; a larger one is 413 ERR_BODY_TOO_LARGE. Other bodies stream through at
   * any size.
   * @default 1048576
   */
  maxBodyBytes?: number;
  /**
   * Whether the client's `Cookie` reaches the target and the target's `Set-Cookie` reaches the client. Off, so that
   * your session cookie is not sent to a third party.
   * @default false
   */
  forwardCookies?: boolean;
  /**
   * Sends the target's name as `Host`, not the one that the client requested.
   * @default true
   */
  changeOrigin?: boolean;
  /**
   * Forwards TRACE, which is 405 ERR_METHOD_NOT_ALLOWED otherwise. It is sent without `headers`, `auth` and whatever
   * else is added to a request, since the target returns to the client what it receives; with `proxyRotate` it is
   * always refused.
   * @default false
   */
  traceMethod?: boolean;
  /**
   * Changes `Location`, `Content-Location`, `Link` and `Refresh` headers that lead to the target, so that they lead
   * through the proxy: below the path at which the client has found it. Turn it off where clients call the target
   * itself, or where the target knows the proxy's path.
   * @default true
   */
  rewriteLocation?: boolean;
  /**
   * Time limit for the target, from the last byte of the request to the response's headers; `0` leaves it to the
   * breaker's. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Neither the wait for a connection nor the client's upload
   * counts. Of this and `breaker.requestTimeoutMs` the smaller one holds; where only one is set, that one.
   * @default 10000
   */
  requestTimeoutMs?: number;
  /**
   * Accepts WebSockets without further wiring: from the first request on it listens to that request's server. An
   * upgrade that is a server's first request is missed; `server.on('upgrade', proxy.upgrade)` misses none and does
   * not need this option. The gateway does not need it either.
   * @default false
   */
  ws?: boolean;
  /**
   * Adds `Server-Timing` and `Proxy-Status` to responses: `true`, or options. Clients can then see attempts, errors and
   * timings.
   * @default false
   */
  explain?: boolean | ExplainOptions;
  /**
   * Stages of your own among these, each after or before one of them, in code only. A stage sees every call that comes
   * to its place, and the handshakes of WebSockets. Behind `cache` it sees what the cache requests, in the background
   * too.
   * @default []
   */
  stages?: OwnStage[];
}

/** What all APIs share. */
export interface SharedOptions {
  /**
   * Redis for state that processes share: a `redis:` or `rediss:` URL, ioredis options, or an ioredis client, which
   * is not closed. Caches, rate limits and statistics are then those of all processes. While it is unreachable, calls
   * keep working and each process uses its own memory.
   * @default none: each process is on its own
   */
  redis?: RedisConnection;
  /**
   * Memory of all caches together, besides the limit of each. What was unused for longest goes first, whichever API it
   * belongs to.
   * @default 268435456
   */
  cacheBytes?: number;
  /**
   * Counts every call: options, or `false`.
   * @default on
   */
  stats?: Omit<StatsOptions, 'name' | 'apis' | 'redis'> | false;
  /**
   * Metrics for Prometheus: options, or `{}`.
   * @default off; on in the gateway
   */
  metrics?: Omit<MetricsOptions, 'name' | 'circuits' | 'egress'> | false;
  /**
   * Spans of OpenTelemetry: options, or `{}`.
   * @default off
   */
  tracing?: Omit<TracingOptions, 'name'> | false;
}

/** A configuration of one API: its options beside its name. */
export interface SingleApiConfig extends ApiOptions, SharedOptions {
  /** Name of the API in errors, events, circuits and statistics: letters, digits, `-`, `_`, `.` and `~`. */
  name: string;
  /** Only in a configuration of many APIs. */
  apis?: never;
  /** Only in a configuration of many APIs. */
  defaults?: never;
}

type NoneOf<T> = { [K in keyof T]?: never };

/** A configuration of many APIs, each under the first segment of the path. */
export interface ManyApisConfig extends SharedOptions, NoneOf<ApiOptions & { name: string }> {
  /** Options of each API under its name; `/github/users` is the path `/users` of the API `github`. */
  apis: Record<string, ApiOptions>;
  /** Options of every API that does not set its own. The parts' blocks are merged option by option. */
  defaults?: Partial<ApiOptions>;
}

/** What `resilientProxy()` takes: one API, or many. */
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
    const { name, redis, cacheBytes, stats, metrics, tracing, ...options } = config;
    if (name === undefined) {
      throw new InvalidOptionError(
        'name',
        'resilientProxy() needs "apis", or "name" and "target" of a single API; received neither "apis" nor "name"',
      );
    }
    const shared = resolveShared({ redis, cacheBytes, stats, metrics, tracing });
    return { single: true, apis: new Map([[apiName(name, 'name'), options]]), shared };
  }
  const { apis, defaults = {}, ...rest } = config;
  const known: readonly string[] = ['apis', 'defaults', ...SHARED_OPTIONS];
  const stray = Object.keys(rest).find((key) => !known.includes(key));
  if (stray !== undefined) {
    const rule = unknownName(stray, { owner: '', known, places: ROOT_PLACES });
    throw new InvalidOptionError(stray, `${stray} ${rule}`);
  }
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

/** The bound on all caches. */
export const cacheBytesOption = sizeBytes.min(1024).default(DEFAULT_CACHE_BYTES);

/** Names of the options that belong to no API alone. */
export const SHARED_OPTIONS = ['redis', 'cacheBytes', 'stats', 'metrics', 'tracing'] as const;

// What they share belongs to all APIs, and is given by the factory.
const ownStatsSchema = without(statsSchema, ['name', 'apis', 'redis']);
/** Names of the options in the block `stats`. */
export const OWN_STATS_OPTIONS: readonly string[] = Object.keys(ownStatsSchema.shape);
const ownMetricsSchema = without(metricsSchema, ['name', 'circuits', 'egress']);
const ownTracingSchema = without(tracingSchema, ['name']);

const plainOptions = optionsObject({
  redis: redisConnection.optional(),
  cacheBytes: cacheBytesOption,
});

function resolveShared(options: SharedOptions): SharedOptions {
  const { redis, cacheBytes, stats, metrics, tracing } = options;
  // In an object of its own, since what is resolved is frozen, and a client is the application's.
  resolveOptions(plainOptions, { redis, cacheBytes }, '');
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

function merge(defaults: Partial<ApiOptions>, options: ApiOptions): ApiOptions {
  const block = (name: string): unknown => {
    const own: unknown = Reflect.get(options, name);
    const common: unknown = Reflect.get(defaults, name);
    if (own === undefined) return common;
    return own && common ? { ...common, ...own } : own;
  };
  const blocks = ALL_PARTS.filter((part) => part.options).map(({ name }) => [name, block(name)]);
  const explain = options.explain ?? defaults.explain;
  return { ...defaults, ...options, explain, ...Object.fromEntries(blocks) };
}
