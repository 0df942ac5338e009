import type { Time } from '../core/time.js';
import { Book } from './book.js';
import type { Delta } from './digest/delta.js';
import { spanStart } from './periods.js';
import type { Reading, ReadRequest, StatsHealth, StatsStore } from './stats-store.js';
import type { StoredError } from './stored-error.js';

/** Limits on what is kept per API. */
export interface StatsLimits {
  readonly maxPaths: number;
  readonly recentErrors: number;
}

interface Kept {
  readonly book: Book;
  readonly errors: StoredError[];
}

const HEALTHY: StatsHealth = { usable: true, unsent: 0, corrupt: 0, lastError: undefined };

/** Keeps statistics in the memory of this process. */
export class MemoryStatsStore implements StatsStore {
  readonly #limits: StatsLimits;
  readonly #time: Time;
  readonly #apis = new Map<string, Kept>();
  #turnedAt = 0;

  constructor(limits: StatsLimits, time: Time) {
    this.#limits = limits;
    this.#time = time;
  }

  add(api: string, delta: Delta): void {
    let kept = this.#apis.get(api);
    if (!kept) {
      kept = { book: new Book(this.#limits.maxPaths), errors: [] };
      this.#apis.set(api, kept);
    }
    const now = this.#time.wall();
    kept.book.apply(delta, now);
    kept.errors.push(...delta.errors);
    const over = kept.errors.length - this.#limits.recentErrors;
    if (over > 0) kept.errors.splice(0, over);
    this.#turn(now);
  }

  async flush(): Promise<void> {
    this.#turn(this.#time.wall());
  }

  async apis(): Promise<readonly string[]> {
    return [...this.#apis.keys()];
  }

  async read({ api, errors }: ReadRequest): Promise<Reading | undefined> {
    const kept = this.#apis.get(api);
    if (!kept) return undefined;
    return { book: kept.book, errors: errors > 0 ? kept.errors : [], late: kept.book.late, partial: false };
  }

  async revision(): Promise<undefined> {}

  clear(): void {
    this.#apis.clear();
  }

  health(): StatsHealth {
    return HEALTHY;
  }

  async close(): Promise<void> {}

  #turn(now: number): void {
    const minute = spanStart('minute', now);
    if (minute === this.#turnedAt) return;
    this.#turnedAt = minute;
    for (const { book } of this.#apis.values()) book.turn(now, this.#time.steady());
  }
}
