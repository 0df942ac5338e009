import type { StoredVariant } from './entry.js';
import { hashTagOf } from './redis/keys.js';
import type { PurgeTarget } from './store.js';

/**
 * Beyond this, the purges of an API are merged into one for all of it: it is better to remove too much than too
 * little.
 */
const MAX_TARGETS = 1000;

/** Purges that Redis has not carried out yet: what they remove stays hidden until it has. */
export class MissedPurges {
  #targets = new Map<string, PurgeTarget>();

  get size(): number {
    return this.#targets.size;
  }

  add(target: PurgeTarget): void {
    this.#targets.set(JSON.stringify(target), target);
    if (this.#targets.size > MAX_TARGETS) this.#coarsen();
  }

  /** Forgets a purge that was carried out. */
  done(target: PurgeTarget): void {
    this.#targets.delete(JSON.stringify(target));
  }

  all(): PurgeTarget[] {
    return [...this.#targets.values()];
  }

  /** Whether one of them removes what is stored for the key. */
  concern(key: string, variants: readonly StoredVariant[]): boolean {
    if (this.#targets.size === 0) return false;
    for (const target of this.#targets.values()) if (removes(target, key, variants)) return true;
    return false;
  }

  #coarsen(): void {
    const prefixes = this.all().map((target): [string, PurgeTarget] => {
      const prefix = hashTagOf(
        'key' in target ? target.key : 'prefix' in target ? target.prefix : target.api,
      );
      return [prefix, { prefix }];
    });
    this.#targets = new Map(prefixes);
  }
}

function removes(target: PurgeTarget, key: string, variants: readonly StoredVariant[]): boolean {
  if ('key' in target) return key === target.key;
  if ('prefix' in target) return key.startsWith(target.prefix);
  return key.startsWith(target.api) && variants.some(({ meta }) => meta.tags.includes(target.tag));
}
