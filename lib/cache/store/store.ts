import type { StoredVariant } from './entry.js';

/** What a purge removes: one value, everything below a path or of an API, or everything that carries a tag. */
export type PurgeTarget =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly api: string; readonly tag: string };

/** How a value is indexed for purges. */
export interface StoredUnder {
  /** Prefix of all keys of its API. */
  readonly api: string;
  readonly tags: readonly string[];
  /** Epoch milliseconds after which it is of no more use. */
  readonly keepUntil: number;
}

/** What a store holds, and its counters. */
export interface StoreCounts {
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  /** Values that could not be read and were dropped. */
  readonly corrupt: number;
}

/** The right to be the one process that requests a key from the upstream. */
export interface Lease {
  /** It was held by another process when it was requested, which may have stored the response by now. */
  readonly waited?: boolean | undefined;
  /**
   * Releases it. Waiting processes look the key up again at once.
   * @param failed there was no response: the next one of them gets it, and the others go on waiting
   */
  release(failed?: boolean): void;
}

/**
 * Keeps stored responses by key. No method throws or rejects for a store that is slow or down: a `get` misses, the
 * others do nothing. A result that is not a promise is available at once, so that a hit in memory waits for no tick.
 */
export interface CacheStore {
  /** What is stored for a key; `undefined` where nothing is. */
  get(key: string): readonly StoredVariant[] | undefined | Promise<readonly StoredVariant[] | undefined>;
  /** The same, past what this process has kept of a store that it shares; absent where that makes no difference. */
  getAnew?(key: string): readonly StoredVariant[] | undefined | Promise<readonly StoredVariant[] | undefined>;
  /** The same, without counting as a use; absent where a look-up is no use. */
  peek?(key: string): readonly StoredVariant[] | undefined;
  /**
   * Whether it is worthwhile to store a new value: `false` where it would take the place of one that is requested more
   * often. Absent where everything is stored.
   */
  admits?(key: string): boolean;
  /** Stores a value. This process can read it back at once, even before it reaches the store behind. */
  set(key: string, variants: readonly StoredVariant[], under: StoredUnder): void;
  /** Removes one value. */
  delete(key: string): void;
  /** @returns how many values it removed, as far as the store can tell */
  purge(target: PurgeTarget): Promise<number>;
  /**
   * Requests the right to be the one process that fetches `key`; absent where a store is not shared. It is held until
   * it is released, or the process is gone.
   * @param key of the response; `#` and a digest follow where only one variant of it is fetched
   * @returns `undefined` where another process has it, after that one has released it, has stored the response, or
   * `ttlMs` have passed; if it has failed or is gone, one of those that wait gets the right
   */
  lease?(key: string, ttlMs: number): Promise<Lease | undefined>;
  /**
   * Calls back when another process purges or deletes; with `undefined` when such a message may have been missed. Absent
   * where a store is not shared.
   * @returns unsubscribes
   */
  onPurge?(listener: (target: PurgeTarget | undefined) => void): () => void;
  /** What it holds, and its counters. */
  counts(): StoreCounts;
  /** Releases its resources. */
  close(): Promise<void>;
}
