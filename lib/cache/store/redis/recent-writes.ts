import type { Clock } from '../../../core/steady-clock.js';
import { concernedBy } from '../concerned-by.js';
import type { PurgeTarget } from '../store.js';

/** Longer than the news of a purge takes from one process to another. */
const RECENT_MS = 1000;
const MAX_KEYS = 1000;

interface RecentWrite {
  readonly at: number;
  readonly tags: readonly string[];
}

/**
 * What this process has stored just now. It may have been requested before a purge by another process, and have reached
 * Redis between that purge and the news of it.
 */
export class RecentWrites {
  readonly #writes = new Map<string, RecentWrite>();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  add(key: string, tags: readonly string[]): void {
    this.#writes.delete(key);
    this.#writes.set(key, { at: this.#now(), tags });
    for (const [oldest, { at }] of this.#writes) {
      if (this.#writes.size <= MAX_KEYS && this.#now() - at < RECENT_MS) return;
      this.#writes.delete(oldest);
    }
  }

  /** The keys that a purge concerns. They are forgotten: two processes must not answer each other for ever. */
  take(target: PurgeTarget): string[] {
    const since = this.#now() - RECENT_MS;
    const isConcerned = concernedBy(target);
    const taken: string[] = [];
    for (const [key, { at, tags }] of this.#writes) {
      if (at < since || !isConcerned(key) || ('tag' in target && !tags.includes(target.tag))) continue;
      this.#writes.delete(key);
      taken.push(key);
    }
    return taken;
  }
}
