import { LRUCache } from 'lru-cache';
import type { StoredVariant } from './entry.js';
import { KeyIndex } from './key-index.js';
import type { BudgetMember, MemoryBudget } from './memory-budget.js';
import { MemoryVariant, SharedStrings } from './memory-variant.js';
import type { CacheStore, PurgeTarget, StoreCounts, StoredUnder } from './store.js';

/** Bounds of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Bytes of keys, heads, bodies and the structures that find them.
   * @default 67108864
   */
  readonly maxBytes?: number;
  /** What it shares with other stores; below it each store still has `maxBytes` of its own. */
  readonly budget?: MemoryBudget;
}

interface MemoryEntry {
  readonly variants: readonly MemoryVariant[];
  /** Names under which the tag index lists it. */
  readonly tags: readonly string[];
  /** Its heads are unpacked, and its size says so. */
  used: boolean;
  /** Of the budget's uses the last one. */
  usedAt: number;
}

/** A string, its slots in the LRU list and the maps, the entry and its array: measured, not guessed. */
const ENTRY_OVERHEAD_BYTES = 340;
const TAG_OVERHEAD_BYTES = 160;

/**
 * Keeps responses in this process; beyond `maxBytes` the least recently used ones are evicted. It uses no clock and
 * no timer: expired ones are overwritten or evicted.
 */
export class MemoryStore implements CacheStore, BudgetMember {
  readonly #entries: LRUCache<string, MemoryEntry>;
  /** Keys with a digest, by the path in front of it. */
  readonly #digested = new KeyIndex();
  readonly #tags = new KeyIndex();
  readonly #strings = new SharedStrings();
  readonly #budget: MemoryBudget | undefined;
  #evictions = 0;

  constructor({ maxBytes = 64 * 1024 * 1024, budget }: MemoryStoreOptions = {}) {
    this.#budget = budget;
    budget?.join(this);
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      dispose: ({ tags }, key, reason) => {
        if (reason === 'evict') this.#evictions++;
        if (reason !== 'set') this.#unlink(key, tags);
      },
    });
  }

  get(key: string): readonly StoredVariant[] | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (this.#budget) entry.usedAt = this.#budget.tick();
    if (!entry.used) this.#use(key, entry);
    return entry.variants;
  }

  set(key: string, variants: readonly StoredVariant[], { api, tags }: StoredUnder): void {
    // A variant that is stored again beside a new one stays as it is.
    const packed = variants.map((variant) =>
      variant instanceof MemoryVariant ? variant : new MemoryVariant(variant, this.#strings),
    );
    const names = tags.length === 0 ? NO_TAGS : tags.map((tag) => tagName(api, tag));
    const entry = { variants: packed, tags: names, used: false, usedAt: this.#budget?.tick() ?? 0 };
    const before = this.bytes;
    const known = this.#entries.peek(key);
    if (known && known.tags.length > 0) this.#unlink(key, known.tags);
    this.#entries.set(key, entry, { size: sizeOf(key, entry, 'now') });
    // An entry larger than the whole store is not accepted, and the one before it is removed.
    if (this.#entries.has(key)) this.#link(key, names);
    this.#budget?.changed(this.bytes - before);
  }

  delete(key: string): void {
    const before = this.bytes;
    this.#entries.delete(key);
    this.#budget?.changed(this.bytes - before);
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get oldestUse(): number {
    for (const entry of this.#entries.rvalues()) return entry?.usedAt ?? 0;
    return Number.POSITIVE_INFINITY;
  }

  evictOldest(): void {
    this.#entries.pop();
  }

  async purge(target: PurgeTarget): Promise<number> {
    let purged = 0;
    const before = this.bytes;
    for (const key of this.#targeted(target)) {
      if (this.#entries.delete(key)) purged++;
    }
    this.#budget?.changed(this.bytes - before);
    return purged;
  }

  counts(): StoreCounts {
    const { size, calculatedSize } = this.#entries;
    return { entries: size, bytes: calculatedSize, evictions: this.#evictions, corrupt: 0 };
  }

  async close(): Promise<void> {
    this.#budget?.leave(this);
    this.#entries.clear();
  }

  /** The first read unpacks the heads and makes the entry larger. */
  #use(key: string, entry: MemoryEntry): void {
    const size = sizeOf(key, entry, 'unpacked');
    const before = this.bytes;
    entry.used = true;
    this.#entries.set(key, entry, { size });
    this.#budget?.changed(this.bytes - before);
  }

  #targeted(target: PurgeTarget): readonly string[] {
    if ('key' in target) return [target.key];
    if ('tag' in target) return this.#tags.keys(tagName(target.api, target.tag));
    // Every unsafe request purges one path: that must not walk over all keys.
    const { prefix } = target;
    if (isOnePath(prefix)) return [prefix, ...this.#digested.keys(prefix)];
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  /** A key without a digest equals the prefix of its path, and is found without the index. */
  #link(key: string, tags: readonly string[]): void {
    const path = pathOf(key);
    if (path.length < key.length) this.#digested.add(path, key);
    for (const name of tags) this.#tags.add(name, key);
  }

  #unlink(key: string, tags: readonly string[]): void {
    const path = pathOf(key);
    if (path.length < key.length) this.#digested.remove(path, key);
    for (const name of tags) this.#tags.remove(name, key);
  }
}

const NO_TAGS: readonly string[] = [];

const tagName = (api: string, tag: string): string => `${api}${tag}`;

/** Everything but the digest, which has no colon. */
const pathOf = (key: string): string => key.slice(0, key.lastIndexOf(':') + 1);

/** Whether it is the common prefix of the keys of one path, not that of an API or of half a path. */
function isOnePath(prefix: string): boolean {
  return prefix.endsWith(':') && prefix.length > prefix.indexOf('}:') + 2;
}

function sizeOf(key: string, { variants, tags }: MemoryEntry, when: 'now' | 'unpacked'): number {
  let bytes = ENTRY_OVERHEAD_BYTES + key.length;
  for (const variant of variants) bytes += variant.bytes[when];
  for (const tag of tags) bytes += TAG_OVERHEAD_BYTES + tag.length;
  return bytes;
}
