import * as z from 'zod';
import { DEFAULT_CACHE_BYTES } from '../cache/cache-stores.js';
import { mountPath, withoutEnd } from '../core/mount.js';
import { optionsObject, resolveOptions, sizeBytes, without } from '../core/options.js';
import { type MetricsOptions, metricsSchema } from '../metrics/metrics-options.js';
import type { RedisConnection } from '../redis/client.js';
import { redisOption } from '../redis/settings.js';
import { type RequestIdOptions, requestIdSchema } from '../request-id/request-id-options.js';
import { type StatsOptions, statsSchema } from '../stats/stats-options.js';
import { type TracingOptions, tracingSchema } from '../tracing/tracing-options.js';
import { checkBlock } from './blocks.js';

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

/** What all APIs share, with the options that `true` means. */
export interface ResolvedShared extends Omit<SharedOptions, Blocks> {
  readonly stats?: Exclude<SharedOptions['stats'], true>;
  readonly metrics?: Exclude<SharedOptions['metrics'], true>;
  readonly tracing?: Exclude<SharedOptions['tracing'], true>;
}

type Blocks = 'stats' | 'metrics' | 'tracing';

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

/** Checks them. @throws InvalidOptionError */
export function resolveShared(options: SharedOptions): ResolvedShared {
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
