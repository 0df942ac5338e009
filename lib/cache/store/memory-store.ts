import { LRUCache } from 'lru-cache';
import type { StoredVariant } from './entry.js';
import { KeyIndex } from './key-index.js';
import { MemoryVariant, SharedStrings } from './memory-variant.js';
import type { CacheStore, PurgeTarget, StoreCounts, StoredUnder } from './store.js';

/** Bounds of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Bytes of keys, heads, bodies and of all that is needed to find them.
   * @default 67108864
   */
  readonly maxBytes?: number;
}

interface MemoryEntry {
  readonly variants: readonly MemoryVariant[];
  /** Names under which it stands in the index of tags. */
  readonly tags: readonly string[];
  /** Its heads are unpacked, and counted so. */
  used: boolean;
}

/** One string, its slots in the LRU list and the maps, the entry and its array: measured, not guessed. */
const ENTRY_OVERHEAD_BYTES = 340;
const TAG_OVERHEAD_BYTES = 160;

/**
 * Keeps answers in this process, the least recently used ones going first beyond `maxBytes`. It looks at no clock
 * and owns no timer: what has expired is overwritten or falls off the end.
 */
export class MemoryStore implements CacheStore {
  readonly #entries: LRUCache<string, MemoryEntry>;
  /** Keys with a digest, by the path in front of it. */
  readonly #digested = new KeyIndex();
  readonly #tags = new KeyIndex();
  readonly #strings = new SharedStrings();
  #evictions = 0;

  constructor({ maxBytes = 64 * 1024 * 1024 }: MemoryStoreOptions = {}) {
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
    if (!entry.used) this.#use(key, entry);
    return entry.variants;
  }

  set(key: string, variants: readonly StoredVariant[], { api, tags }: StoredUnder): void {
    // One that is stored again beside a new one stays as it is.
    const packed = variants.map((variant) =>
      variant instanceof MemoryVariant ? variant : new MemoryVariant(variant, this.#strings),
    );
    const names = tags.length === 0 ? NO_TAGS : tags.map((tag) => tagName(api, tag));
    const entry = { variants: packed, tags: names, used: false };
    const known = this.#entries.peek(key);
    if (known && known.tags.length > 0) this.#unlink(key, known.tags);
    this.#entries.set(key, entry, { size: sizeOf(key, entry, 'now') });
    // An entry larger than the whole store is not taken, and the one before it is gone.
    if (!this.#entries.has(key)) return;
    this.#link(key, names);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  async purge(target: PurgeTarget): Promise<number> {
    let purged = 0;
    for (const key of this.#targeted(target)) {
      if (this.#entries.delete(key)) purged++;
    }
    return purged;
  }

  counts(): StoreCounts {
    const { size, calculatedSize } = this.#entries;
    return { entries: size, bytes: calculatedSize, evictions: this.#evictions, corrupt: 0 };
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }

  /** The first look at it makes it larger. */
  #use(key: string, entry: MemoryEntry): void {
    const size = sizeOf(key, entry, 'unpacked');
    entry.used = true;
    this.#entries.set(key, entry, { size });
  }

  #targeted(target: PurgeTarget): readonly string[] {
    if ('key' in target) return [target.key];
    if ('tag' in target) return this.#tags.keys(tagName(target.api, target.tag));
    // One path is what every unsafe call asks for: it must not cost a walk over all keys.
    const { prefix } = target;
    if (isOnePath(prefix)) return [prefix, ...this.#digested.keys(prefix)];
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  /** A key without a digest is all that the keys of its path begin with, and is found by itself. */
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

/** All but the digest, which has no colon. */
const pathOf = (key: string): string => key.slice(0, key.lastIndexOf(':') + 1);

/** Whether it is all that the keys of one path have in common, and not of an API or of half a path. */
function isOnePath(prefix: string): boolean {
  return prefix.endsWith(':') && prefix.length > prefix.indexOf('}:') + 2;
}

function sizeOf(key: string, { variants, tags }: MemoryEntry, when: 'now' | 'unpacked'): number {
  let bytes = ENTRY_OVERHEAD_BYTES + key.length;
  for (const variant of variants) bytes += variant.bytes[when];
  for (const tag of tags) bytes += TAG_OVERHEAD_BYTES + tag.length;
  return bytes;
}
