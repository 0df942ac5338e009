import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
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

/** Options of `rateLimit()`. With none of them it follows the limits that the API advertises in its responses. */
export interface RateLimitOptions {
  /**
   * Name of the API in errors, headers, events and Redis keys.
   * @default 'default'
   */
  name?: string;
  /**
   * Most requests to the API within `windowMs`, retries included. A call beyond it is 429 ERR_RATE_LIMITED with
   * `Retry-After`, or waits (`onLimit`).
   * @default none
   */
  limit?: number;
  /**
   * Length of the window of `limit`, which begins with its first request.
   * @default 60000
   */
  windowMs?: number;
  /**
   * A second quota that is used when `limit` is exhausted, usually over a longer window.
   * @default none
   */
  burst?: {
    /** Most requests beyond `limit` within `windowMs`. */
    limit: number;
    /** Length of its window. */
    windowMs: number;
  };
  /**
   * Gives each call a quota of its own, by tenant for instance; `undefined` is the quota of the API. What the function
   * throws fails the call.
   */
  key?(req: IncomingMessage): string | undefined;
  /**
   * Whether a call beyond the limit gets 429 with `Retry-After`, or waits. Retries always wait.
   * @default 'reject'
   */
  onLimit?: 'reject' | 'queue';
  /**
   * Longest wait of a call. One that would have to wait longer, or beyond `retry.totalTimeoutMs`, is refused at once.
   * @default 10000
   */
  maxWaitMs?: number;
  /**
   * Most calls that wait at the same time; the next is 503 ERR_QUEUE_FULL.
   * @default 1000
   */
  maxQueue?: number;
  /**
   * Follows the limits that responses advertise, by `Retry-After` of a 429 or 503 and by rate-limit headers, for each
   * credential and egress proxy. `false` is an InvalidOptionError without a `limit`.
   * @default true
   */
  learn?: boolean;
  /**
   * Longest pause taken from such headers.
   * @default 3600000
   */
  maxPauseMs?: number;
  /**
   * Request headers that identify the API's users, each of whom has a limit of its own there, besides `Authorization`,
   * `Cookie` and those with a word like `key`, `token`, `auth` or `session` in their names. Those that do not reach the
   * target never count.
   * @default []
   */
  credentialHeaders?: string[];
  /**
   * Request headers that identify no user, although their names look like it.
   * @default []
   */
  credentialExceptions?: string[];
  /**
   * Most quotas and most advertised limits kept in memory; beyond it the one that was unused for longest is forgotten.
   * @default 10000
   */
  maxKeys?: number;
  /**
   * Shares quotas and advertised limits between processes: an ioredis client, its options, or a `redis:` or `rediss:`
   * URL. While Redis is unreachable or slow, limits apply per process.
   */
  redis?: RedisConnection;
  /**
   * Prefix of all keys in Redis.
   * @default 'rpo'
   */
  prefix?: string;
  /**
   * How long a call waits for Redis.
   * @default 50
   */
  commandTimeoutMs?: number;
}

/** The options that a configuration file can hold for one API, whose name is the limit's. */
export const rateLimitFileShape = {
  limit: count.optional(),
  windowMs: durationMs.default(60_000),
  burst: optionsObject({ limit: count, windowMs: durationMs }).optional(),
  onLimit: z.enum(['reject', 'queue']).default('reject'),
  maxWaitMs: durationMs.default(10_000),
  maxQueue: count.default(1000),
  learn: z.boolean().default(true),
  maxPauseMs: durationMs.default(3_600_000),
  credentialHeaders: z.array(headerName).default([]),
  credentialExceptions: z.array(headerName).default([]),
  maxKeys: count.default(10_000),
  prefix: z.string().max(256).default('rpo'),
  commandTimeoutMs: durationMs.default(50),
};

/** What `rateLimit()` may be given. */
export const rateLimitSchema = optionsObject({
  ...rateLimitFileShape,
  name: z.string().min(1).max(200).default('default'),
  key: functionOption<NonNullable<RateLimitOptions['key']>>().optional(),
  redis: redisConnection.optional(),
});

/** {@link RateLimitOptions} with every default filled in. */
export type ResolvedRateLimit = Readonly<z.output<typeof rateLimitSchema>>;

/**
 * Options with every default filled in, frozen.
 * @param place where they stand, for errors
 * @throws InvalidOptionError
 */
export function resolveRateLimit(options: RateLimitOptions, place = 'rateLimit'): ResolvedRateLimit {
  const resolved = resolveOptions(rateLimitSchema, options, place);
  const { limit, burst, learn } = resolved;
  if (limit === undefined && burst) throw invalidOption(`${place}.burst`, 'must stand beside a limit', burst);
  if (limit === undefined && !learn)
    throw invalidOption(`${place}.learn`, 'must be true where there is no limit', learn);
  return resolved;
}
