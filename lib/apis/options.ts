import * as z from 'zod';
import { DEFAULT_CACHE_BYTES } from '../cache/cache-stores.js';
import { InvalidOptionError, invalidOption } from '../core/errors.js';
import { mountPath, withoutEnd } from '../core/mount.js';
import { optionsObject, resolveOptions, sizeBytes, without } from '../core/options.js';
import { unknownName } from '../core/unknown-name.js';
import type { ExplainOptions } from '../explain/explain-options.js';
import { type MetricsOptions, metricsSchema } from '../metrics/metrics-options.js';
import type { RedisConnection } from '../redis/client.js';
import { redisOption } from '../redis/settings.js';
import { type RequestIdOptions, requestIdSchema } from '../request-id/request-id-options.js';
import type { SloOptions } from '../stats/slo/slo-options.js';
import { type StatsOptions, statsSchema } from '../stats/stats-options.js';
import { type TracingOptions, tracingSchema } from '../tracing/tracing-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { blockMeant, checkBlock } from './blocks.js';
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
  requiresBody?: boolean | undefined;
  /**
   * Refuses request bodies that are not JSON: 400 ERR_INVALID_JSON, without a request to the target.
   * @default the value of `requiresBody`
   */
  validateJson?: boolean | undefined;
  /**
   * Largest body that `validateJson` reads; a larger one is 413 ERR_BODY_TOO_LARGE. Other bodies stream through at
   * any size.
   * @default 1048576
   */
  maxBodyBytes?: number | undefined;
  /**
   * Whether the client's `Cookie` reaches the target and the target's `Set-Cookie` reaches the client. Off, so that
   * your session cookie is not sent to a third party.
   * @default false
   */
  forwardCookies?: boolean | undefined;
  /**
   * Sends the target's name as `Host`, not the one that the client requested.
   * @default true
   */
  changeOrigin?: boolean | undefined;
  /**
   * Forwards TRACE, which is 405 ERR_METHOD_NOT_ALLOWED otherwise. It is sent without `headers`, `auth` and whatever
   * else is added to a request, since the target returns to the client what it receives; with `proxyRotate` it is
   * always refused.
   * @default false
   */
  traceMethod?: boolean | undefined;
  /**
   * Changes `Location`, `Content-Location`, `Link` and `Refresh` headers that lead to the target, so that they lead
   * through the proxy: below the path at which the client has found it. Turn it off where clients call the target
   * itself, or where the target knows the proxy's path.
   * @default true
   */
  rewriteLocation?: boolean | undefined;
  /**
   * Time limit for the target, from the last byte of the request to the response's headers; `0` leaves it to the
   * breaker's. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Neither the wait for a connection nor the client's upload
   * counts. Of this and `breaker.requestTimeoutMs` the smaller one holds; where only one is set, that one.
   * @default 10000
   */
  requestTimeoutMs?: number | undefined;
  /**
   * Accepts WebSockets without further wiring: from the first request on it listens to that request's server. An
   * upgrade that is a server's first request is missed; `server.on('upgrade', proxy.upgrade)` misses none and does
   * not need this option. The gateway does not need it either.
   * @default false
   */
  ws?: boolean | undefined;
  /**
   * Service level objective: the share of good calls, and the latency that a good one keeps to. Statistics, metrics and the
   * page say how the API does by it, and how fast it uses up its error budget.
   * @default off
   */
  slo?: SloOptions | false | undefined;
  /**
   * Adds `Server-Timing` and `Proxy-Status` to responses: `true`, or options. Clients can then see attempts, errors and
   * timings.
   * @default false
   */
  explain?: boolean | ExplainOptions | undefined;
  /**
   * Stages of your own among these, each after or before one of them, in code only. A stage sees every call that comes
   * to its place, and the handshakes of WebSockets. Behind `cache` it sees what the cache requests, in the background
   * too.
   * @default []
   */
  stages?: readonly OwnStage[] | undefined;
}

/** What all APIs share. `Off` has `false` in it where statistics may be turned off. */
export interface SharedOptions<Off = false> {
  /**
   * Redis for state that processes share: a `redis:` or `rediss:` URL, the path of a socket, options (those of the
   * block below and of ioredis, or `{ client, prefix }`), or an ioredis client, which is not closed. Caches, rate limits and
   * statistics are then those of all processes. While it is unreachable, calls keep working and each process uses its
   * own memory.
   * @default none: each process is on its own
   */
  redis?: RedisConnection | undefined;
  /**
   * Memory of all caches together, besides the limit of each. What was unused for longest goes first, whichever API it
   * belongs to.
   * @default 268435456
   */
  cacheBytes?: number | undefined;
  /**
   * Counts every call: options, `true` for the defaults, or `false`.
   * @default on
   */
  stats?: Omit<StatsOptions, 'name' | 'apis' | 'redis'> | true | Extract<Off, false> | undefined;
  /**
   * Metrics for Prometheus: `true`, or options.
   * @default off; on in the gateway
   */
  metrics?: Omit<MetricsOptions, 'name' | 'circuits' | 'egress'> | boolean | undefined;
  /**
   * Spans of OpenTelemetry: `true`, or options.
   * @default off
   */
  tracing?: Omit<TracingOptions, 'name'> | boolean | undefined;
  /**
   * Gives each call an `X-Request-Id`, the client's or a new UUID of version 7: sent to the target and to the client,
   * and shown in statistics and log. `true`, or options. An `X-Request-Id` of the target's response is passed on as it
   * is.
   * @default off; on in the gateway
   */
  requestId?: boolean | RequestIdOptions | undefined;
  /**
   * Path that is removed in front of the path of each request, `'/api'`, for servers and frameworks that do not do so
   * themselves: `node:http`, Koa, Hono, Next.js, a route of Nest. Where it is removed already, as by Express'
   * `app.use('/api', proxy)`, nothing changes. Requests that are not below it are passed to `next()`, or 404 without
   * one; WebSockets are left to the server's other listeners.
   * @default none: the whole path belongs to the proxy
   */
  mount?: string | undefined;
}

/** A configuration of one API: its options beside its name. */
export interface SingleApiConfig<Name extends string = string, Off = false>
  extends ApiOptions,
    SharedOptions<Off> {
  /** Name of the API in errors, events, circuits and statistics: letters, digits, `-`, `_`, `.` and `~`. */
  name: Name;
  /** Only in a configuration of many APIs. */
  apis?: never;
  /** Only in a configuration of many APIs. */
  defaults?: never;
}

type NoneOf<T> = { [K in keyof T]?: never };

/** A configuration of many APIs, each under the first segment of the path. */
export interface ManyApisConfig<Name extends string = string, Off = false>
  extends SharedOptions<Off>,
    NoneOf<ApiOptions & { name: string }> {
  /** Options of each API under its name; `/github/users` is the path `/users` of the API `github`. */
  apis: Readonly<Record<Name, ApiOptions>>;
  /** Options of every API that does not set its own. The parts' blocks are merged option by option. */
  defaults?: Partial<ApiOptions> | undefined;
}

/** What `resilientProxy()` takes: one API, or many. */
export type ResilientProxyConfig<Name extends string = string, Off = false> =
  | SingleApiConfig<Name, Off>
  | ManyApisConfig<Name, Off>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;

/** A configuration whose APIs have their defaults merged in. */
export interface ResolvedConfig {
  /** It is one API, that no path has to name. */
  readonly single: boolean;
  readonly apis: ReadonlyMap<string, ApiOptions>;
  readonly shared: ResolvedShared;
}

/** What all APIs share, with the options that `true` means. */
export interface ResolvedShared extends Omit<SharedOptions, Blocks> {
  readonly stats?: Exclude<SharedOptions['stats'], true>;
  readonly metrics?: Exclude<SharedOptions['metrics'], true>;
  readonly tracing?: Exclude<SharedOptions['tracing'], true>;
}

type Blocks = 'stats' | 'metrics' | 'tracing';

/**
 * The APIs of a configuration with their defaults merged in.
 * @param merge merges the defaults into the options of an API
 * @throws InvalidOptionError
 */
export function resolveConfig(
  config: ResilientProxyConfig,
  merge: (defaults: Partial<ApiOptions>, options: ApiOptions, name: string) => ApiOptions = mergeDefaults,
): ResolvedConfig {
  if (typeof config !== 'object' || config === null)
    throw invalidOption('config', 'must be an object', config);
  if (!hasMany(config)) {
    const { name, redis, cacheBytes, stats, metrics, tracing, requestId, mount, ...options } = config;
    if (name === undefined) {
      throw new InvalidOptionError(
        'name',
        'resilientProxy() needs "apis", or "name" and "target" of a single API; received neither "apis" nor "name"',
      );
    }
    const shared = resolveShared({ redis, cacheBytes, stats, metrics, tracing, requestId, mount });
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
  if (Array.isArray(apis)) throw invalidOption('apis', 'must be an object, { name: { target, … } }', apis);
  const entries = Object.entries(apis).map(([name, options]): [string, ApiOptions] => {
    const place = `apis.${name}`;
    apiName(name, place);
    if (typeof options !== 'object' || options === null)
      throw invalidOption(place, 'must be an object', options);
    return [name, merge(defaults, options, name)];
  });
  return { single: false, apis: new Map(entries), shared };
}

// What is never given tells TypeScript nothing apart.
const hasMany = (config: ResilientProxyConfig): config is ManyApisConfig => 'apis' in config;

/** The bound on all caches. */
export const cacheBytesOption = sizeBytes.min(1024).default(DEFAULT_CACHE_BYTES);

/** Whether calls get ids. */
export const requestIdOption = z.union([z.boolean(), requestIdSchema], {
  error: 'must be a block of options, true or false',
});

/** Names of the options that belong to no API alone. */
export const SHARED_OPTIONS = [
  'redis',
  'cacheBytes',
  'stats',
  'metrics',
  'tracing',
  'requestId',
  'mount',
] as const;

// What they share belongs to all APIs, and is given by the factory.
const ownStatsSchema = without(statsSchema, ['name', 'apis', 'redis']);
/** Names of the options in the block `stats`. */
export const OWN_STATS_OPTIONS: readonly string[] = Object.keys(ownStatsSchema.shape);
const ownMetricsSchema = without(metricsSchema, ['name', 'circuits', 'egress']);
/** Names of the options in the block `metrics`. */
export const OWN_METRICS_OPTIONS: readonly string[] = Object.keys(ownMetricsSchema.shape);
const ownTracingSchema = without(tracingSchema, ['name']);
/** Names of the options in the block `tracing`. */
export const OWN_TRACING_OPTIONS: readonly string[] = Object.keys(ownTracingSchema.shape);

const plainOptions = optionsObject({
  redis: redisOption.optional(),
  cacheBytes: cacheBytesOption,
  requestId: requestIdOption.optional(),
  mount: mountPath.optional(),
});

function resolveShared(options: SharedOptions): ResolvedShared {
  const { redis, cacheBytes, stats, metrics, tracing, requestId, mount } = options;
  // In an object of its own, since what is resolved is frozen, and a client is the application's.
  resolveOptions(plainOptions, { redis, cacheBytes, requestId, mount }, '');
  if (stats !== undefined) checkBlock(ownStatsSchema, stats, 'stats');
  if (metrics !== undefined) checkBlock(ownMetricsSchema, metrics, 'metrics');
  if (tracing !== undefined) checkBlock(ownTracingSchema, tracing, 'tracing');
  return { ...options, stats: meant(stats, {}), metrics: meant(metrics, {}), tracing: meant(tracing, {}) };
}

/** The path of the option `mount`, without the slashes at its end; empty without it. */
export const mountOf = ({ mount = '' }: SharedOptions): string => withoutEnd(mount);

const meant = <Block extends object>(block: Block | boolean | undefined, all: Block) =>
  block === true ? all : block;

/** Checks the name of an API. @throws InvalidOptionError */
export function apiName(name: unknown, place: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw invalidOption(
    place,
    'must be a name of letters, digits, "-", "_", "." and "~" that begins with a letter or a digit',
    name,
  );
}

/** What has a block of options. */
const BLOCKS = [
  ...ALL_PARTS.flatMap(({ name, options }) => (options ? [{ name, words: options.words }] : [])),
  { name: 'slo', words: undefined },
];

/** The options of an API, and of `defaults` what it does not say itself. */
export function mergeDefaults(defaults: Partial<ApiOptions>, options: ApiOptions): ApiOptions {
  const merged: ApiOptions = { ...defaults, ...options };
  for (const { name, words } of BLOCKS) {
    const own = blockMeant(words, Reflect.get(options, name));
    const common = blockMeant(words, Reflect.get(defaults, name));
    if (own === undefined && common === undefined) continue;
    const block = isBlock(own) && isBlock(common) ? { ...common, ...own } : (own ?? common);
    Reflect.set(merged, name, block);
  }
  if (options.explain === undefined && defaults.explain !== undefined) merged.explain = defaults.explain;
  return merged;
}

const isBlock = (value: unknown): value is object => typeof value === 'object' && value !== null;
