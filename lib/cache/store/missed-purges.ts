import type { StoredVariant } from './entry.js';
import { hashTagOf } from './redis/keys.js';
import type { PurgeTarget } from './store.js';

/** Of more, those of an API become one for all of it: too much is taken out rather than too little. */
const MAX_TARGETS = 1000;

/** Purges that Redis has not carried out: what they take out stays hidden until it has. */
export class MissedPurges {
  #targets = new Map<string, PurgeTarget>();

  get size(): number {
    return this.#targets.size;
  }

  add(target: PurgeTarget): void {
    this.#targets.set(JSON.stringify(target), target);
    if (this.#targets.size > MAX_TARGETS) this.#coarsen();
  }

  /** Forgets one that was carried out. */
  done(target: PurgeTarget): void {
    this.#targets.delete(JSON.stringify(target));
  }

  all(): PurgeTarget[] {
    return [...this.#targets.values()];
  }

  /** Whether one of them takes out what is stored for the key. */
  concern(key: string, variants: readonly StoredVariant[]): boolean {
    if (this.#targets.size === 0) return false;
    for (const target of this.#targets.values()) if (takesOut(target, key, variants)) return true;
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

function takesOut(target: PurgeTarget, key: string, variants: readonly StoredVariant[]): boolean {
  if ('key' in target) return key === target.key;
  if ('prefix' in target) return key.startsWith(target.prefix);
  return key.startsWith(target.api) && variants.some(({ meta }) => meta.tags.includes(target.tag));
}
