import type { Clock } from '../../core/steady-clock.js';
import type { Refusal } from '../refusal.js';
import type { QuotaEngine, QuotaLimit } from './engine.js';
import { MemoryQuota } from './memory-quota.js';
import { boundedKey } from './redis-keys.js';

/** The right to one call. */
export interface Token {
  readonly key: string;
  /** End of its window. Given back later, it would be one more for the next window. */
  readonly endsAt: number;
  readonly from: QuotaEngine;
}

/** One of the limits of a {@link Quota}. */
export interface QuotaTier extends QuotaLimit {
  /** Used first, if there is one; memory takes over when it does not respond in time. */
  readonly shared: QuotaEngine | undefined;
}

interface Tier extends QuotaTier {
  readonly memory: MemoryQuota;
}

/**
 * The configured quotas: `limit`, and `burst` for when that is used up. Each key has its own. Beyond `maxKeys` in
 * memory, the key that was unused for longest starts again: clients may choose the keys, so their number is bounded.
 */
export class Quota {
  readonly #tiers: readonly Tier[];
  readonly #maxKeys: number;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #keys = new Set<string>();
  #closed = false;

  constructor(tiers: readonly QuotaTier[], maxKeys: number, clock: Clock) {
    this.#tiers = tiers.map((tier) => ({ ...tier, memory: new MemoryQuota(tier) }));
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  /** A token for this key, or when to try again. */
  async take(clientKey: string): Promise<Token | Refusal> {
    const key = boundedKey(clientKey);
    let waitMs = Number.POSITIVE_INFINITY;
    for (const tier of this.#tiers) {
      const { taken, leftMs, from } = await this.#consume(tier, key);
      // MemoryQuota uses the wall clock, which may have been set back.
      const boundedMs = Math.min(tier.windowMs, Math.max(1, leftMs));
      if (taken) return { key, endsAt: this.#clock() + boundedMs, from };
      waitMs = Math.min(waitMs, boundedMs);
    }
    const [first] = this.#tiers;
    return { by: 'quota', waitMs, limit: first?.limit, windowMs: first?.windowMs };
  }

  /** Gives back an unused token. */
  giveBack({ key, endsAt, from }: Token): void {
    if (this.#clock() < endsAt) from.reward(key);
  }

  /** Clears the timers of quotas in memory. */
  close(): void {
    this.#closed = true;
    for (const key of this.#keys) this.#forget(key);
  }

  async #consume({ shared, memory }: Tier, key: string) {
    const consumed = await shared?.consume(key);
    if (shared && consumed) return { ...consumed, from: shared };
    // A key in memory has a timer, which nobody would end.
    if (this.#closed) return { taken: false, leftMs: 1, from: memory };
    this.#use(key);
    return { ...(await memory.consume(key)), from: memory };
  }

  #use(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#maxKeys) return;
    const [oldest] = this.#keys;
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    this.#keys.delete(key);
    for (const { memory } of this.#tiers) memory.forget(key);
  }
}
