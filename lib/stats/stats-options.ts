import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';
import { patternProblem } from './path-patterns.js';

/** Options of `stats()`. */
export interface StatsOptions {
  /**
   * Name of the API where `stats()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * APIs that are listed before their first call.
   * @default []
   */
  apis?: readonly string[] | undefined;
  /**
   * Most paths counted for each API; the others are counted together as `(other)`.
   * @default 500
   */
  maxPaths?: number | undefined;
  /**
   * Most APIs; the others are counted together as `(other)`.
   * @default 100
   */
  maxApis?: number | undefined;
  /**
   * Names the path of a call, its route for instance. Called when the request arrives. Where it returns nothing or
   * throws, `paths` and then the built-in rules name it.
   */
  path?: Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Patterns of paths, behind the name of the API: a call is counted under the first that fits its decoded path, such
   * as `/v1/models/:model:action`. `:name` stands for text within a segment, `*` at the end for the rest; a backslash
   * takes the next character as it is. Where none fits, what looks like an id is replaced: `/users/123` is
   * `/users/:id`.
   * @default []
   */
  paths?: readonly string[] | undefined;
  /**
   * Failed calls of each API that are kept with time, message and path.
   * @default 1000
   */
  recentErrors?: number | undefined;
  /**
   * How often new figures are added up and sent to Redis.
   * @default 1000
   */
  flushMs?: number | undefined;
  /**
   * Adds up the figures of all processes in Redis and keeps them over restarts: an ioredis client, its options, or a
   * URL. A client that is given is not closed. Without it the figures are those of this process.
   */
  redis?: RedisConnection | undefined;
  /**
   * Prefix of every key in Redis, without braces.
   * @default 'rpo:'
   */
  prefix?: string | undefined;
}

const pathPattern = z.string().superRefine((pattern, context) => {
  const problem = patternProblem(pattern);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** The options that a configuration file can hold. */
export const statsFileShape = {
  paths: z.array(pathPattern).max(100).readonly().default([]),
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
