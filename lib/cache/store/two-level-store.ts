import { Closing } from '../../core/closing.js';
import type { StoredVariant } from './entry.js';
import { hashTagOf } from './redis/keys.js';
import type { SharedCacheStore } from './redis/store.js';
import type { CacheStore, PurgeTarget, StoredUnder } from './store.js';
import { YoungKeys } from './two-level-young-keys.js';

/** A store in this process: it returns values at once. */
export interface NearStore extends CacheStore {
  /** What is stored for a key, at once. */
  get(key: string): readonly StoredVariant[] | undefined;
}

/** Options of `twoLevelStore()`. Both stores are closed with it. */
export interface TwoLevelStoreOptions {
  memory: NearStore;
  shared: SharedCacheStore;
  /**
   * How long a value is read from memory before it is looked up again. Purges of other processes arrive at once; one
   * that is missed takes effect after this time at the latest. Memory is used beyond it only while the shared store
   * is away.
   * @default 5000
   */
  maxAgeMs?: number | undefined;
  /** A monotonic clock in milliseconds. */
  now?: (() => number) | undefined;
}

type Variants = readonly StoredVariant[] | undefined;

/** A pending look-up in the shared store. */
interface LookUp {
  readonly found: Promise<Variants>;
  /** The value was set or purged in the meantime, so that the result may be outdated. */
  overtaken: boolean;
}

/**
 * Memory in front of a shared store: values that were looked up stay here for a while, and purges by any process
 * apply here too.
 */
export function twoLevelStore(options: TwoLevelStoreOptions): CacheStore {
  const { memory, shared, maxAgeMs = 5000, now = () => performance.now() } = options;
  const lookUps = new Map<string, LookUp>();
  const closing = new Closing();
  const young = new YoungKeys(maxAgeMs, now);
  const stopListening = shared.onPurge((target) => {
    if (target) void forget(target);
  });

  function keep(key: string, variants: readonly StoredVariant[], under: StoredUnder): void {
    // One that is not kept here is found behind.
    if (memory.admits?.(key) === false) return;
    memory.set(key, variants, under);
    young.add(key);
  }

  function forget(target: PurgeTarget): Promise<number> {
    overtake(target);
    return memory.purge(target);
  }

  /** Pending look-ups must not bring back what was just replaced or purged. */
  function overtake(target: PurgeTarget): void {
    const keys = 'key' in target ? [target.key] : [...lookUps.keys()];
    for (const key of keys) {
      const lookUp = lookUps.get(key);
      if (lookUp) lookUp.overtaken = true;
      lookUps.delete(key);
    }
  }

  function lookUpFar(key: string, far: Promise<Variants>): Promise<Variants> {
    const lookUp: LookUp = { overtaken: false, found: far.then((variants) => land(key, lookUp, variants)) };
    lookUps.set(key, lookUp);
    return lookUp.found;
  }

  function land(key: string, lookUp: LookUp, variants: Variants): Variants {
    if (lookUp.overtaken) return young.has(key) ? memory.get(key) : undefined;
    lookUps.delete(key);
    if (variants) keep(key, variants, underOf(key, variants));
    // Purged or expired, so that it must not be used when the shared store is away.
    else if (shared.isUsable()) memory.delete(key);
    return variants;
  }

  return {
    get(key) {
      const near = young.has(key) || !shared.isUsable() ? memory.get(key) : undefined;
      if (near) return near;
      const lookUp = lookUps.get(key);
      if (lookUp) return lookUp.found;
      const far = shared.get(key);
      return far instanceof Promise ? lookUpFar(key, far) : far;
    },

    getAnew(key) {
      if (!shared.isUsable()) return memory.get(key);
      overtake({ key });
      young.remove(key);
      const far = shared.get(key);
      return far instanceof Promise ? lookUpFar(key, far) : far;
    },

    set(key, variants, under) {
      overtake({ key });
      keep(key, variants, under);
      shared.set(key, variants, under);
    },

    delete(key) {
      overtake({ key });
      memory.delete(key);
      shared.delete(key);
    },

    async purge(target) {
      const near = await forget(target);
      const far = await shared.purge(target);
      // Look-ups during the purge may have brought outdated values.
      await forget(target);
      return Math.max(near, far);
    },

    lease: (key, ttlMs) => shared.lease(key, ttlMs),

    onPurge: (listener) => shared.onPurge(listener),

    counts() {
      const near = memory.counts();
      return { ...near, corrupt: near.corrupt + shared.counts().corrupt };
    },

    close: () =>
      closing.begin(async () => {
        stopListening();
        await Promise.all([memory.close(), shared.close()]);
      }),
  };
}

/** How a value that came from the shared store is indexed. */
function underOf(key: string, variants: readonly StoredVariant[]): StoredUnder {
  return {
    api: `${hashTagOf(key)}:`,
    tags: [...new Set(variants.flatMap(({ meta }) => meta.tags))],
    keepUntil: Math.max(...variants.map(({ meta }) => meta.keepUntil)),
  };
}
