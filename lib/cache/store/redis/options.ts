import * as z from 'zod';
import { count, durationMs, optionsObject, resolveOptions, sizeBytes } from '../../../core/options.js';
import { type RedisConnection, redisConnection } from '../../../redis/client.js';

/** Options of `redisStore()`. */
export interface RedisStoreOptions {
  /**
   * A client of ioredis, for one Redis, Sentinels or a Cluster; or options for one, or a `redis:` or `rediss:` URL. A
   * given client belongs to the application: it is not closed with the store.
   */
  redis: RedisConnection;
  /**
   * Prefix of the channel for purges: stores with the same prefix receive each other's purges. The keys have a prefix
   * of their own.
   * @default 'rpo:'
   */
  prefix?: string | undefined;
  /**
   * A look-up without a reply by then is a miss.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
  /**
   * Maximum size of the bodies in one value. Above it, older variants are removed; a response that is larger by
   * itself is not stored.
   * @default 1048576
   */
  maxEntryBytes?: number | undefined;
  /**
   * Maximum bytes being written to Redis at the same time; what exceeds them is not stored.
   * @default 16777216
   */
  maxPendingBytes?: number | undefined;
  /** When to stop sending look-ups to a Redis that does not reply. */
  circuit?:
    | {
        /**
         * Consecutive look-ups without a reply.
         * @default 5
         */
        failures?: number | undefined;
        /**
         * Time between two probes while no other look-ups are sent.
         * @default 1000
         */
        resetMs?: number | undefined;
      }
    | undefined;
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
