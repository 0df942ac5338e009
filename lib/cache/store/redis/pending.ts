import type { StoredVariant } from '../entry.js';
import type { PurgeTarget, StoredUnder } from '../store.js';

interface PendingWrite {
  readonly variants: readonly StoredVariant[];
  readonly under: StoredUnder;
}

/** Writes on their way to Redis: this process can read them already. */
export class PendingWrites {
  readonly #maxBytes: number;
  readonly #writes = new Map<string, PendingWrite>();
  #bytes = 0;

  /** @param maxBytes limit on the bytes of all pending writes */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Bytes of all pending writes, including those purged in the meantime. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): readonly StoredVariant[] | undefined {
    return this.#writes.get(key)?.variants;
  }

  /**
   * Begins a write.
   * @returns what to call when it is done; `undefined` where Redis is too far behind to accept more
   */
  begin(
    key: string,
    variants: readonly StoredVariant[],
    under: StoredUnder,
    bytes: number,
  ): (() => void) | undefined {
    if (this.#bytes + bytes > this.#maxBytes) return undefined;
    const write = { variants, under };
    this.#bytes += bytes;
    this.#writes.set(key, write);
    return () => {
      this.#bytes -= bytes;
      if (this.#writes.get(key) === write) this.#writes.delete(key);
    };
  }

  /** Hides what a purge removes. */
  purge(target: PurgeTarget): void {
    if ('key' in target) {
      this.#writes.delete(target.key);
      return;
    }
    for (const [key, { under }] of this.#writes) {
      const hit =
        'prefix' in target
          ? key.startsWith(target.prefix)
          : under.api === target.api && under.tags.includes(target.tag);
      if (hit) this.#writes.delete(key);
    }
  }

  clear(): void {
    this.#writes.clear();
  }
}
