import type { CircuitRegistry } from '../breaker/circuit-registry.js';
import type { CacheOptions } from '../cache/cache-options.js';
import { MemoryStore } from '../cache/store/memory-store.js';
import { redisStore, type SharedCacheStore } from '../cache/store/redis/store.js';
import type { CacheStore } from '../cache/store/store.js';
import { twoLevelStore } from '../cache/store/two-level-store.js';
import { allEnded } from '../core/closing.js';
import type { EgressStatus } from '../core/egress-status.js';
import { type MetricsHandler, metrics } from '../metrics/metrics.js';
import { socketFamilies } from '../metrics/socket-families.js';
import { closeClient, type OpenedRedis, openRedis, type RedisClient } from '../redis/client.js';
import { type StatsHandler, stats } from '../stats/stats.js';
import { type TracingHandler, tracing } from '../tracing/tracing.js';
import type { OpenSockets } from '../websocket/open-sockets.js';
import type { SharedOptions } from './options.js';

const DEFAULT_ENTRY_BYTES = 1024 * 1024;
/** APIs with statistics of their own, including those that updates add and remove. */
const MAX_APIS = 1000;

/** What the shared parts need to know of all APIs. */
export interface SharedSources {
  /** Names of the APIs. */
  readonly apis: readonly string[];
  /** Options of every cache. */
  readonly caches: readonly CacheOptions[];
  readonly circuits: CircuitRegistry;
  /** Every open WebSocket. */
  readonly sockets: OpenSockets;
  egress(): EgressStatus;
}

/** The parts that serve every API of one factory, and the one connection to Redis that they share. */
export class SharedParts {
  readonly stats: StatsHandler | undefined;
  readonly metrics: MetricsHandler | undefined;
  readonly tracing: TracingHandler | undefined;
  readonly #redis: OpenedRedis | undefined;
  readonly #maxEntryBytes: number;
  /** Caches in Redis; an API that stores larger responses than the existing ones accept gets another. */
  readonly #responses: { readonly store: SharedCacheStore; readonly maxEntryBytes: number }[] = [];

  constructor(options: SharedOptions, { apis, caches, circuits, sockets, egress }: SharedSources) {
    this.#redis = options.redis === undefined ? undefined : openRedis(options.redis);
    // Each part listens to Redis itself; without a listener here ioredis prints every failed connection.
    if (this.#redis?.own) this.#redis.client.on('error', () => {});
    const { redis } = this;
    try {
      this.metrics = options.metrics
        ? metrics({ ...options.metrics, circuits: () => circuits.list(), egress })
        : undefined;
      this.metrics?.add(socketFamilies(() => sockets.counts()));
      this.tracing = options.tracing ? tracing(options.tracing) : undefined;
      this.stats =
        options.stats === false
          ? undefined
          : stats({
              maxApis: Math.max(apis.length, MAX_APIS),
              ...options.stats,
              apis,
              ...(redis ? { redis } : {}),
            });
    } catch (error) {
      // As where the application's registry has metrics of these names.
      this.close().catch(() => {});
      throw error;
    }
    this.#maxEntryBytes = Math.max(
      DEFAULT_ENTRY_BYTES,
      ...caches.map(({ maxEntryBytes }) => maxEntryBytes ?? 0),
    );
  }

  get redis(): RedisClient | undefined {
    return this.#redis?.client;
  }

  /** The store of a cache, unless its options name one: memory in front of Redis. Close it with the cache. */
  storeFor(options: CacheOptions): CacheStore | undefined {
    const { redis } = this;
    if (!redis || (options.store !== undefined && options.store !== 'memory')) return undefined;
    const memory = new MemoryStore({ maxBytes: options.maxBytes });
    const shared = this.#responsesOf(redis, Math.max(this.#maxEntryBytes, options.maxEntryBytes ?? 0));
    return twoLevelStore({ memory, shared: withoutClose(shared) });
  }

  /** Runs a change of the APIs' parts. If it throws, the stores that were opened for it are closed. */
  change<T>(run: () => T): T {
    const known = this.#responses.length;
    try {
      return run();
    } catch (error) {
      for (const { store } of this.#responses.splice(known)) store.close().catch(() => {});
      throw error;
    }
  }

  #responsesOf(redis: RedisClient, maxEntryBytes: number): SharedCacheStore {
    const known = this.#responses.find((responses) => responses.maxEntryBytes >= maxEntryBytes);
    if (known) return known.store;
    const store = redisStore({ redis, maxEntryBytes });
    this.#responses.push({ store, maxEntryBytes });
    return store;
  }

  /** Closes all of them, and then the connection; whatever fails, the rest is closed. */
  async close(): Promise<void> {
    this.metrics?.close();
    const parts = [this.stats, ...this.#responses.map(({ store }) => store)];
    const ended = allEnded(parts.map((part) => part?.close()));
    await ended.catch(() => {});
    if (this.#redis?.own) await closeClient(this.#redis.client);
    await ended;
  }
}

/** For a store that several caches use: none of them may close it for the others. */
function withoutClose(store: SharedCacheStore): SharedCacheStore {
  return { ...store, close: async () => {} };
}
