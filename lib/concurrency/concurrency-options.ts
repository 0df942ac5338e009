import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import { invalidOption } from '../core/errors.js';
import {
  count,
  durationMs,
  functionOption,
  headerName,
  optionsObject,
  resolveOptions,
} from '../core/options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';

/** Options of `concurrency()`. With none of them the limit adapts itself to the latency of the API. */
export interface ConcurrencyOptions {
  /**
   * Name of the API in errors, events and Redis keys.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Most requests to the API at once, retries included. One counts until the last byte of its response, a WebSocket
   * until it is open (`maxSockets` bounds those); a call that waits for its next attempt does not count. `'adaptive'` learns the limit from the
   * latency of the API, between `min` and `max`.
   * @default 'adaptive'
   */
  limit?: number | 'adaptive' | undefined;
  /**
   * Lowest limit that `'adaptive'` comes to.
   * @default 1
   */
  min?: number | undefined;
  /**
   * Highest limit that `'adaptive'` comes to.
   * @default 200
   */
  max?: number | undefined;
  /**
   * What has a limit, and a queue, of its own: the whole API, each `key`, each credential of the clients, or each egress
   * proxy. A proxy without a free place is passed over while another has one.
   * @default 'api'
   */
  per?: 'api' | 'key' | 'credential' | 'proxy' | undefined;
  /**
   * On whose behalf a call is made, a tenant for instance: those that wait take turns by it, or have a limit each (`per:
   * 'key'`). What the function throws fails the call, and so does a promise.
   */
  key?: Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Most calls that wait at the same time; the next is 503 ERR_CONCURRENCY_LIMIT. A full queue gives the last place of
   * the key with the longest backlog to another key. `0` makes no call wait.
   * @default 100
   */
  queue?: number | undefined;
  /**
   * Longest wait of a call; after it, or at the end of `retry.totalTimeoutMs`, it is 503 ERR_CONCURRENCY_LIMIT.
   * @default 10000
   */
  maxWaitMs?: number | undefined;
  /**
   * Request headers that identify a user for `per: 'credential'`, besides those that look like it.
   * @default []
   */
  credentialHeaders?: readonly string[] | undefined;
  /**
   * Request headers that identify no user, although their names look like it.
   * @default []
   */
  credentialExceptions?: readonly string[] | undefined;
  /**
   * Most adaptive limits kept in memory; beyond it the one that was unused for longest is forgotten.
   * @default 10000
   */
  maxKeys?: number | undefined;
  /**
   * Shares a configured limit between processes: an ioredis client, its options, or a `redis:` or `rediss:` URL. While
   * Redis is unreachable or slow the limit applies per process; an adaptive one always does.
   */
  redis?: RedisConnection | undefined;
  /**
   * Prefix of all keys in Redis.
   * @default 'rpo'
   */
  prefix?: string | undefined;
  /**
   * How long a call waits for Redis.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
}

const limit = z.union([count, z.literal('adaptive')], {
  error: "must be a whole number from 1, or 'adaptive'",
});

/** The options that a configuration file can hold for one API, whose name is the limit's. */
export const concurrencyFileShape = {
  limit: limit.default('adaptive'),
  min: count.optional(),
  max: count.optional(),
  per: z.enum(['api', 'credential', 'proxy']).default('api'),
  queue: z.number().int().min(0).max(1_000_000).default(100),
  maxWaitMs: durationMs.default(10_000),
  credentialHeaders: z.array(headerName).default([]),
  credentialExceptions: z.array(headerName).default([]),
  maxKeys: count.default(10_000),
  prefix: z.string().max(256).default('rpo'),
  commandTimeoutMs: durationMs.default(50),
};

/** What `concurrency()` may be given. */
export const concurrencySchema = optionsObject({
  ...concurrencyFileShape,
  per: z.enum(['api', 'key', 'credential', 'proxy']).default('api'),
  name: z.string().min(1).max(200).default('default'),
  key: functionOption<NonNullable<ConcurrencyOptions['key']>>().optional(),
  redis: redisConnection.optional(),
});

/** {@link ConcurrencyOptions} with every default filled in. */
export type ResolvedConcurrency = Readonly<
  z.output<typeof concurrencySchema> & { readonly min: number; readonly max: number }
>;

const DEFAULT_MIN = 1;
const DEFAULT_MAX = 200;

/**
 * Options with every default filled in, frozen.
 * @param place where they stand, for errors
 * @throws InvalidOptionError
 */
export function resolveConcurrency(options: ConcurrencyOptions, place = 'concurrency'): ResolvedConcurrency {
  const given = resolveOptions(concurrencySchema, options, place);
  const { limit, min = DEFAULT_MIN, max = DEFAULT_MAX, per, key } = given;
  for (const name of ['min', 'max'] as const)
    if (given[name] !== undefined && limit !== 'adaptive')
      throw invalidOption(`${place}.${name}`, "must stand beside limit 'adaptive'", given[name]);
  if (min > max) throw invalidOption(`${place}.min`, `must be at most max, ${max}`, min);
  if (per === 'key' && !key) throw invalidOption(`${place}.per`, 'must stand beside a key function', per);
  return Object.freeze({ ...given, min, max });
}
