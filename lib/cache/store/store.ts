import type { StoredVariant } from './entry.js';

/** What a purge takes out: one value, all below a path or an API, or all that carry a tag. */
export type PurgeTarget =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly api: string; readonly tag: string };

/** Where a value belongs, for purging. */
export interface StoredUnder {
  /** Prefix of all keys of its API. */
  readonly api: string;
  readonly tags: readonly string[];
  /** Epoch milliseconds after which it is of no more use. */
  readonly keepUntil: number;
}

/** What a store holds and has done. */
export interface StoreCounts {
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  /** Values that could not be read and were dropped. */
  readonly corrupt: number;
}

/** The right to be the one that asks the upstream, among all processes. */
export interface Lease {
  /** Gives it back; others that wait look again at once. */
  release(): void;
}

/**
 * Keeps stored answers by key. No method throws or rejects for a store that is slow or down: a `get` misses, the rest does
 * nothing. What is not a promise is answered at once, so that a hit in memory waits for no tick.
 */
export interface CacheStore {
  /** What is stored for a key; `undefined` where nothing is. */
  get(key: string): readonly StoredVariant[] | undefined | Promise<readonly StoredVariant[] | undefined>;
  /** The value can be read back by this process at once, whenever it reaches the store behind. */
  set(key: string, variants: readonly StoredVariant[], under: StoredUnder): void;
  /** Takes one value out. */
  delete(key: string): void;
  /** @returns how many values it took out, as far as the store can tell */
  purge(target: PurgeTarget): Promise<number>;
  /**
   * Asks to be the one process that fetches `key`; absent where a store is not shared.
   * @returns `undefined` where another process has it, after that one has let go, has stored, or `ttlMs` have passed
   */
  lease?(key: string, ttlMs: number): Promise<Lease | undefined>;
  /** What it holds and has done. */
  counts(): StoreCounts;
  /** Frees what it holds. */
  close(): Promise<void>;
}
