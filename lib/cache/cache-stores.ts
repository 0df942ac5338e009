import type { PartSite, SharedState } from '../core/part.js';
import type { CacheOptions } from './cache-options.js';
import { MemoryBudget } from './store/memory-budget.js';
import { MemoryStore } from './store/memory-store.js';
import { redisStore, type SharedCacheStore } from './store/redis/store.js';
import type { CacheStore } from './store/store.js';
import { twoLevelStore } from './store/two-level-store.js';

const DEFAULT_ENTRY_BYTES = 1024 * 1024;
/** Of the memory of all caches together. */
export const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

/** What the caches of several APIs share: the bound on their memory, and the stores in Redis. */
export class CacheStores implements SharedState {
  readonly #redis: PartSite['redis'];
  readonly #maxEntryBytes: number;
  /** A cache that stores larger responses than the existing ones accept gets another. */
  readonly #responses: { readonly store: SharedCacheStore; readonly maxEntryBytes: number }[] = [];

  readonly #budget: MemoryBudget;

  constructor(
    redis: PartSite['redis'],
    caches: readonly Pick<CacheOptions, 'maxEntryBytes'>[],
    cacheBytes = DEFAULT_CACHE_BYTES,
  ) {
    this.#redis = redis;
    this.#budget = new MemoryBudget(cacheBytes);
    this.#maxEntryBytes = Math.max(
      DEFAULT_ENTRY_BYTES,
      ...caches.map(({ maxEntryBytes }) => maxEntryBytes ?? 0),
    );
  }

  /** Begin of the keys of caches that do not set their own. */
  get prefix(): string | undefined {
    return this.#redis?.prefix;
  }

  /** The store of a cache, unless its options name one: memory, in front of Redis if there is one. Close it with the cache. */
  storeFor(options: Pick<CacheOptions, 'store' | 'maxBytes' | 'maxEntryBytes'>): CacheStore | undefined {
    const redis = this.#redis;
    if (options.store !== undefined && options.store !== 'memory') return undefined;
    const memory = new MemoryStore({ maxBytes: options.maxBytes, budget: this.#budget });
    if (!redis) return memory;
    const shared = this.#responsesOf(redis, Math.max(this.#maxEntryBytes, options.maxEntryBytes ?? 0));
    return twoLevelStore({ memory, shared: withoutClose(shared) });
  }

  /** If it throws, the stores that were opened for it are closed. */
  change<T>(run: () => T): T {
    const known = this.#responses.length;
    try {
      return run();
    } catch (error) {
      for (const { store } of this.#responses.splice(known)) store.close().catch(() => {});
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#responses.map(({ store }) => store.close()));
  }

  #responsesOf(redis: NonNullable<PartSite['redis']>, maxEntryBytes: number): SharedCacheStore {
    const known = this.#responses.find((responses) => responses.maxEntryBytes >= maxEntryBytes);
    if (known) return known.store;
    const { prefix, commandTimeoutMs } = redis;
    const store = redisStore({ redis, prefix: `${prefix}:`, commandTimeoutMs, maxEntryBytes });
    this.#responses.push({ store, maxEntryBytes });
    return store;
  }
}

/** For a store that several caches use: none of them may close it for the others. */
function withoutClose(store: SharedCacheStore): SharedCacheStore {
  return { ...store, close: async () => {} };
}
