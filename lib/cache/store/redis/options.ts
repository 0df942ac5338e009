import { z } from 'zod';
import { count, durationMs, optionsObject, resolveOptions, sizeBytes } from '../../../core/options.js';
import { type RedisConnection, redisConnection } from '../../../redis/client.js';

/** Options of `redisStore()`. */
export interface RedisStoreOptions {
  /**
   * A client of ioredis, for one Redis, Sentinels or a Cluster; or the options for one, or a `redis:` or `rediss:`
   * URL. A client that is given stays the application's: it is not closed with the store.
   */
  redis: RedisConnection;
  /**
   * Begins the name of the channel on which purges are told: stores with the same one hear each other. The keys bring a
   * prefix of their own.
   * @default 'rpo:'
   */
  prefix?: string;
  /**
   * A look-up that has no answer by then is a miss.
   * @default 50
   */
  commandTimeoutMs?: number;
  /**
   * Bound on the bodies of one value; beyond it the older variants are left out, and an answer that is larger by itself
   * is not stored.
   * @default 1048576
   */
  maxEntryBytes?: number;
  /**
   * What may be on its way to Redis at the same time; what comes on top is not stored.
   * @default 16777216
   */
  maxPendingBytes?: number;
  /** When a Redis that does not answer is asked no more. */
  circuit?: {
    /**
     * Look-ups in a row without an answer.
     * @default 5
     */
    failures?: number;
    /**
     * Time between two trials while nothing else is asked.
     * @default 1000
     */
    resetMs?: number;
  };
}

const schema = optionsObject({
  redis: redisConnection,
  prefix: z.string().max(256).default('rpo:'),
  commandTimeoutMs: durationMs.default(50),
  maxEntryBytes: sizeBytes.default(1024 * 1024),
  maxPendingBytes: sizeBytes.default(16 * 1024 * 1024),
  circuit: optionsObject({ failures: count.default(5), resetMs: durationMs.default(1000) }).prefault({}),
});

/** {@link RedisStoreOptions} with every default filled in. */
export type ResolvedRedisStoreOptions = Readonly<z.output<typeof schema>>;

/** @throws InvalidOptionError for an option that cannot be honoured */
export function resolveRedisStoreOptions(options: RedisStoreOptions): ResolvedRedisStoreOptions {
  return resolveOptions(schema, options, '');
}
