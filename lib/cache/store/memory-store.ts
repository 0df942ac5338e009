import { LRUCache } from 'lru-cache';
import type { StoredVariant } from './entry.js';
import { FrequencySketch } from './frequency-sketch.js';
import type { BudgetMember, MemoryBudget } from './memory-budget.js';
import { isOnePath, MemoryIndex, tagName } from './memory-index.js';
import { MAX_TEXT_BYTES, MemoryVariant, SharedStrings } from './memory-variant.js';
import { PackedEntries } from './packed-entries.js';
import type { CacheStore, PurgeTarget, StoreCounts, StoredUnder } from './store.js';
import { KeyHashes } from './text-hash.js';

/** Bounds of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Bytes of keys, heads, bodies and the structures that find them.
   * @default 67108864
   */
  readonly maxBytes?: number | undefined;
  /** What it shares with other stores; below it each store still has `maxBytes` of its own. */
  readonly budget?: MemoryBudget | undefined;
}

interface MemoryEntry {
  readonly variants: readonly MemoryVariant[];
  /** Names under which the tag index lists it. */
  readonly tags: readonly string[];
  /** Of its key. */
  readonly hash: number;
  /** Its heads are unpacked, and its size says so. */
  used: boolean;
  /** Of the budget's uses the last one. */
  usedAt: number;
}

/** A string, its slots in the LRU list and the maps, the entry and its array: measured, not guessed. */
const ENTRY_OVERHEAD_BYTES = 340;
const TAG_OVERHEAD_BYTES = 160;
/** Entries that nobody has read yet give way to those that were, down to one of so many bytes. */
const UNREAD_SHARE = 10;
const MIN_ENTRY_BYTES = 256;
/** A smaller memory keeps what was used last. */
const MIN_SELECTIVE_BYTES = 1024 * 1024;

/**
 * Keeps responses in this process. Beyond `maxBytes` those that nobody has read yet go first, then the least recently
 * used ones; and of new keys only those are kept that are requested more often than what they would replace. It uses no
 * clock and no timer: expired ones are overwritten or evicted.
 */
export class MemoryStore implements CacheStore, BudgetMember {
  /** What was read at least once, and what has tags, several variants or a large body. */
  readonly #entries: LRUCache<string, MemoryEntry>;
  readonly #unread = new PackedEntries();
  readonly #index = new MemoryIndex();
  readonly #strings = new SharedStrings();
  readonly #nameOf = (name: string): string => this.#strings.of(name);
  readonly #budget: MemoryBudget | undefined;
  readonly #maxBytes: number;
  #sketch: FrequencySketch | undefined;
  readonly #hashes = new KeyHashes();
  #evictions = 0;

  constructor({ maxBytes = 64 * 1024 * 1024, budget }: MemoryStoreOptions = {}) {
    this.#budget = budget;
    this.#maxBytes = maxBytes;
    budget?.join(this);
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      dispose: ({ tags }, key, reason) => {
        if (reason === 'evict') this.#evictions++;
        if (reason !== 'set') this.#index.unlink(key, tags);
      },
    });
  }

  get(key: string): readonly StoredVariant[] | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return this.#readFirst(key);
    if (this.#budget) entry.usedAt = this.#budget.tick();
    this.#sketch?.count(entry.hash);
    if (!entry.used) this.#use(key, entry);
    return entry.variants;
  }

  peek(key: string): readonly StoredVariant[] | undefined {
    const entry = this.#entries.peek(key);
    if (entry) return entry.variants;
    const number = this.#unread.find(key, this.#hashes.of(key));
    if (number < 0) return undefined;
    const variant = this.#unpacked(number);
    return variant && [variant];
  }

  admits(key: string): boolean {
    const sketch = this.#sketch;
    if (!sketch || this.#hasRoom() || this.#entries.has(key)) return true;
    const hash = this.#hashes.of(key);
    if (this.#unread.find(key, hash) >= 0) return true;
    return sketch.frequency(hash) > sketch.frequency(this.#victim());
  }

  set(key: string, variants: readonly StoredVariant[], { api, tags }: StoredUnder): void {
    const before = this.bytes;
    const hash = this.#hashes.of(key);
    const unread = this.#unread.find(key, hash);
    if (unread >= 0) this.#unread.remove(unread);
    if (!this.#pack(key, variants, tags)) this.#keep(key, variants, { api, tags, hash });
    this.#fit();
    this.#budget?.changed(this.bytes - before);
    this.#watch();
  }

  delete(key: string): void {
    const before = this.bytes;
    this.#remove(key);
    this.#budget?.changed(this.bytes - before);
  }

  get bytes(): number {
    return this.#entries.calculatedSize + this.#unread.bytes;
  }

  get oldestUse(): number {
    if (this.#givesUnread()) return this.#unread.oldestUse;
    for (const entry of this.#entries.rvalues()) return entry?.usedAt ?? 0;
    return Number.POSITIVE_INFINITY;
  }

  evictOldest(): void {
    if (!this.#givesUnread()) this.#entries.pop();
    else if (this.#unread.evictOldest()) this.#evictions++;
  }

  async purge(target: PurgeTarget): Promise<number> {
    let purged = 0;
    const before = this.bytes;
    for (const number of this.#unreadTargets(target)) {
      this.#unread.remove(number);
      purged++;
    }
    for (const key of this.#index.targeted(target, () => this.#entries.keys())) {
      if (this.#entries.delete(key)) purged++;
    }
    this.#budget?.changed(this.bytes - before);
    return purged;
  }

  counts(): StoreCounts {
    const entries = this.#entries.size + this.#unread.size;
    return { entries, bytes: this.bytes, evictions: this.#evictions, corrupt: 0 };
  }

  async close(): Promise<void> {
    this.#budget?.leave(this);
    this.#entries.clear();
    this.#unread.clear();
  }

  /** From the second read on it is an object, and costs no more than to find it. */
  #readFirst(key: string): readonly StoredVariant[] | undefined {
    if (this.#unread.size === 0 && !this.#sketch) return undefined;
    const hash = this.#hashes.of(key);
    this.#sketch?.count(hash);
    const number = this.#unread.find(key, hash);
    if (number < 0) return undefined;
    const before = this.bytes;
    const variant = this.#unpacked(number);
    this.#unread.remove(number);
    if (variant) {
      const usedAt = this.#budget?.tick() ?? 0;
      const entry: MemoryEntry = { variants: [variant], tags: NO_TAGS, hash, used: true, usedAt };
      this.#entries.set(key, entry, { size: sizeOf(key, entry, 'now') });
      if (this.#entries.has(key)) this.#index.link(key, NO_TAGS);
    }
    this.#fit();
    this.#budget?.changed(this.bytes - before);
    return variant && [variant];
  }

  #unpacked(number: number): MemoryVariant | undefined {
    const read = this.#unread.read(number, this.#nameOf);
    return read && new MemoryVariant({ ...read, body: NO_BYTES }, this.#strings, true);
  }

  /** @returns whether it is kept among those that nobody has read */
  #pack(key: string, variants: readonly StoredVariant[], tags: readonly string[]): boolean {
    const [variant] = variants;
    if (!variant || variants.length > 1 || tags.length > 0 || this.#entries.has(key)) return false;
    if (variant.meta.bodyLength > MAX_TEXT_BYTES || variant instanceof MemoryVariant) return false;
    return this.#unread.add(key, variant, this.#budget?.tick() ?? 0);
  }

  #keep(
    key: string,
    variants: readonly StoredVariant[],
    { api, tags, hash }: Pick<StoredUnder, 'api' | 'tags'> & { readonly hash: number },
  ): void {
    const known = this.#entries.peek(key);
    // A variant that is stored again beside a new one stays as it is.
    const packed = variants.map((variant) =>
      variant instanceof MemoryVariant ? variant : new MemoryVariant(variant, this.#strings),
    );
    const names = tags.length === 0 ? NO_TAGS : tags.map((tag) => tagName(api, tag));
    const entry = { variants: packed, tags: names, hash, used: false, usedAt: this.#budget?.tick() ?? 0 };
    if (known && known.tags.length > 0) this.#index.unlink(key, known.tags);
    this.#entries.set(key, entry, { size: sizeOf(key, entry, 'now') });
    // An entry larger than the whole store is not accepted, and the one before it is removed.
    if (this.#entries.has(key)) this.#index.link(key, names);
  }

  #remove(key: string): boolean {
    if (this.#unread.size > 0) {
      const number = this.#unread.find(key, this.#hashes.of(key));
      if (number >= 0) {
        this.#unread.remove(number);
        return true;
      }
    }
    return this.#entries.delete(key);
  }

  /** The first read unpacks the heads and makes the entry larger. */
  #use(key: string, entry: MemoryEntry): void {
    const size = sizeOf(key, entry, 'unpacked');
    const before = this.bytes;
    entry.used = true;
    this.#entries.set(key, entry, { size });
    this.#fit();
    this.#budget?.changed(this.bytes - before);
  }

  /** Whether nothing that can be found has to go for another entry. */
  #hasRoom(): boolean {
    const entries = this.#entries.size + this.#unread.size;
    if (entries === 0) return true;
    const held = this.bytes - this.#unread.deadBytes;
    const usual = held / entries;
    if (held + usual > this.#maxBytes) return false;
    const budget = this.#budget;
    // What another store has not used for longest is no reason to refuse anything here.
    return !budget || budget.bytes + usual <= budget.maxBytes || !budget.isNext(this);
  }

  /** Requests are counted from the time on when the memory is half full. */
  #watch(): void {
    if (this.#sketch) return;
    const budget = this.#budget;
    const limit = Math.min(this.#maxBytes, budget?.maxBytes ?? this.#maxBytes);
    if (limit < MIN_SELECTIVE_BYTES) return;
    if (this.bytes * 2 < this.#maxBytes && (!budget || budget.bytes * 2 < budget.maxBytes)) return;
    const entries = this.#entries.size + this.#unread.size;
    const sketch = new FrequencySketch(Math.min((entries * limit) / this.bytes, limit / MIN_ENTRY_BYTES));
    for (const hash of this.#unread.hashes()) sketch.count(hash);
    for (const { hash, used } of this.#entries.values()) {
      sketch.count(hash);
      if (used) sketch.count(hash);
    }
    this.#sketch = sketch;
  }

  #fit(): void {
    while (this.bytes > this.#maxBytes && this.bytes > 0) this.evictOldest();
  }

  /** Whether the next to go is one that nobody has read. */
  #givesUnread(): boolean {
    if (this.#unread.isEmpty) return false;
    return this.#entries.size === 0 || this.#unread.bytes * UNREAD_SHARE > this.bytes;
  }

  /** Hash of the key of the next to go. */
  #victim(): number {
    if (this.#givesUnread()) return this.#unread.oldestHash;
    for (const entry of this.#entries.rvalues()) return entry?.hash ?? 0;
    return 0;
  }

  #unreadTargets(target: PurgeTarget): readonly number[] {
    // None of them has tags.
    if (this.#unread.size === 0 || 'tag' in target) return [];
    if ('key' in target) {
      const number = this.#unread.find(target.key, this.#hashes.of(target.key));
      return number < 0 ? [] : [number];
    }
    const { prefix } = target;
    return [...(isOnePath(prefix) ? this.#unread.ofPath(prefix) : this.#unread.below(prefix))];
  }
}

const NO_TAGS: readonly string[] = [];
const NO_BYTES = Buffer.alloc(0);

function sizeOf(key: string, { variants, tags }: MemoryEntry, when: 'now' | 'unpacked'): number {
  let bytes = ENTRY_OVERHEAD_BYTES + key.length;
  for (const variant of variants) bytes += variant.bytes[when];
  for (const tag of tags) bytes += TAG_OVERHEAD_BYTES + tag.length;
  return bytes;
}
