import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { CREDENTIAL_HEADERS } from '../core/credential-headers.js';
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

/** Options of `rateLimit()`. With none of them it keeps to what the target tells. */
export interface RateLimitOptions {
  /**
   * Names the API in errors, fields, events and shared keys.
   * @default 'default'
   */
  name?: string;
  /** Calls that may be sent in `windowMs`, retries included. None is set by default. */
  limit?: number;
  /**
   * How long `limit` counts for. A window begins with its first call.
   * @default 60000
   */
  windowMs?: number;
  /** Calls that may be sent on top when `limit` is used up, counted over a longer window. None by default. */
  burst?: { limit: number; windowMs: number };
  /** Gives each call its quota: by tenant, for instance. `undefined`, and no function, is one quota for all. */
  key?(req: IncomingMessage): string | undefined;
  /**
   * Whether a call that is one too many is refused with a 429 and `Retry-After`, or waits. Retries always wait: their
   * call is waiting already.
   * @default 'reject'
   */
  onLimit?: 'reject' | 'queue';
  /**
   * How long a call waits at most. One that is known to wait longer, or past the time that `retry()` gives the whole
   * call, is refused at once.
   * @default 10000
   */
  maxWaitMs?: number;
  /**
   * Calls that wait at the same time; the next one is refused with a 503.
   * @default 1000
   */
  maxQueue?: number;
  /**
   * Keeps to what the target tells: `Retry-After` of a 429 or 503, and the rate limit fields of each answer. Per
   * credential and per exit.
   * @default true
   */
  learn?: boolean;
  /**
   * The longest time for which calls are held back because of what the target told.
   * @default 3600000
   */
  maxPauseMs?: number;
  /**
   * Fields that tell the target's users apart: each has a limit of its own there. Name those that reach the target.
   * @default ['authorization', 'cookie', 'x-api-key', 'api-key', 'x-auth-token']
   */
  credentialHeaders?: string[];
  /**
   * Quotas and gates kept in memory at most, of each; the one that was unused for longest is forgotten.
   * @default 10000
   */
  maxKeys?: number;
  /**
   * Shares quotas and gates between processes: a client of ioredis, the options for one, or a `redis:` or `rediss:` URL.
   * While Redis is away or slow each process counts by itself.
   */
  redis?: RedisConnection;
  /**
   * Begins all keys in Redis.
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
  credentialHeaders: z.array(headerName).default([...CREDENTIAL_HEADERS]),
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
