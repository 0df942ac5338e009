import { realTime, type Time } from '../../lib/core/time.js';

/** Values kept at most; beyond it the oldest is forgotten. */
const MAX_KEPT = 200;
/** Longer than any `maxAgeMs`. A table of paths may have half a megabyte, so it is not kept longer. */
const KEPT_MS = 10_000;

interface Kept {
  readonly at: number;
  readonly value: Promise<unknown>;
}

/**
 * Reads once for all streams and requests of the same moment: many visitors of a dashboard cost the store no more than
 * one.
 */
export class RecentReads {
  readonly #kept = new Map<string, Kept>();
  readonly #time: Time;

  /** @param time for tests */
  constructor(time: Time = realTime) {
    this.#time = time;
  }

  /** The value of this key, not older than `maxAgeMs`. A failed reading is not kept. */
  read<T>(key: string, maxAgeMs: number, produce: () => Promise<T>): Promise<T> {
    const now = this.#time.steady();
    const kept = this.#kept.get(key);
    // A key always has values of one type.
    if (kept && now - kept.at < maxAgeMs) return kept.value as Promise<T>;
    const value = produce();
    this.#kept.delete(key);
    this.#kept.set(key, { at: now, value });
    value.catch(() => {
      if (this.#kept.get(key)?.value === value) this.#kept.delete(key);
    });
    this.#forget(now);
    return value;
  }

  /** The oldest come first, since each reading is added at the end. */
  #forget(now: number): void {
    for (const [key, { at }] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT && now - at < KEPT_MS) return;
      this.#kept.delete(key);
    }
  }
}
