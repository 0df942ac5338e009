import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';

/** Options of `stats()`. */
export interface StatsOptions {
  /**
   * Name of the API where it stands alone; in `resilientProxy()` each call brings the name of its own.
   * @default 'default'
   */
  name?: string;
  /**
   * Names of APIs that are listed before their first call.
   * @default []
   */
  apis?: readonly string[];
  /**
   * Paths that are told apart in each API; what comes on top is counted together, as `(other)`.
   * @default 500
   */
  maxPaths?: number;
  /**
   * APIs that are told apart; what comes on top is counted together, as `(other)`.
   * @default 100
   */
  maxApis?: number;
  /**
   * Names the path of a call, as by the route that will serve it. Called as the request arrives; `undefined`, an
   * empty name or an error leave it to the template: `/users/123` is `/users/:id`.
   */
  path?(req: IncomingMessage): string | undefined;
  /**
   * Failed calls that are kept of each API with time, message and path.
   * @default 1000
   */
  recentErrors?: number;
  /**
   * How often what was recorded is added up, and sent to Redis.
   * @default 1000
   */
  flushMs?: number;
  /**
   * Adds up in Redis, over all processes and restarts: a client of ioredis, its options, or a URL. A client that is given
   * stays the application's. Without it figures are those of this process.
   */
  redis?: RedisConnection;
  /**
   * Begins every key in Redis. It has no braces: the hash tag is ours.
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
