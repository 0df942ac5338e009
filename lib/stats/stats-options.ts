import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';

/** Options of `stats()`. */
export interface StatsOptions {
  /**
   * Name of the API where `stats()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string;
  /**
   * APIs that are listed before their first call.
   * @default []
   */
  apis?: readonly string[];
  /**
   * Most paths counted for each API; the others are counted together as `(other)`.
   * @default 500
   */
  maxPaths?: number;
  /**
   * Most APIs; the others are counted together as `(other)`.
   * @default 100
   */
  maxApis?: number;
  /**
   * Names the path of a call, its route for instance. Called when the request arrives. Where it returns nothing or
   * throws, ids are replaced: `/users/123` is `/users/:id`.
   */
  path?(req: IncomingMessage): string | undefined;
  /**
   * Failed calls of each API that are kept with time, message and path.
   * @default 1000
   */
  recentErrors?: number;
  /**
   * How often new figures are added up and sent to Redis.
   * @default 1000
   */
  flushMs?: number;
  /**
   * Adds up the figures of all processes in Redis and keeps them over restarts: an ioredis client, its options, or a
   * URL. A client that is given is not closed. Without it the figures are those of this process.
   */
  redis?: RedisConnection;
  /**
   * Prefix of every key in Redis, without braces.
   * @default 'rpo:'
   */
  prefix?: string;
}

/** The options that a configuration file can hold. */
export const statsFileShape = {
  maxPaths: count.max(10_000).default(500),
  recentErrors: z.number().int().min(0).max(10_000).default(1000),
  flushMs: durationMs.default(1000),
};

/** What `stats()` may be given. */
export const statsSchema = optionsObject({
  ...statsFileShape,
  name: z.string().min(1).max(100).default('default'),
  apis: z.array(z.string().min(1).max(100)).readonly().default([]),
  maxApis: count.max(10_000).default(100),
  path: functionOption<NonNullable<StatsOptions['path']>>().optional(),
  redis: redisConnection.optional(),
  prefix: z
    .string()
    .max(100)
    .regex(/^[^{}]*$/, 'must not hold braces')
    .default('rpo:'),
});

/** {@link StatsOptions} with every default filled in. */
export type ResolvedStats = Readonly<z.output<typeof statsSchema>>;

/**
 * Options with every default filled in, frozen.
 * @throws InvalidOptionError
 */
export function resolveStats(options: StatsOptions): ResolvedStats {
  return resolveOptions(statsSchema, options, 'stats');
}
