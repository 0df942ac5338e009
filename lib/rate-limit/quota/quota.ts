import type { Clock } from '../../core/steady-clock.js';
import type { Refusal } from '../refusal.js';
import type { QuotaEngine, QuotaLimit } from './engine.js';
import { MemoryQuota } from './memory-quota.js';
import { boundedKey } from './redis-keys.js';

/** The right to one call. */
export interface Token {
  readonly key: string;
  /** Given back after its window has ended it would be one more for the next window. */
  readonly endsAt: number;
  readonly from: QuotaEngine;
}

/** One of the limits of a {@link Quota}. */
export interface QuotaTier extends QuotaLimit {
  /** Asked first; memory is the insurance for when there is no answer in time. */
  readonly shared: QuotaEngine | undefined;
}

interface Tier extends QuotaTier {
  readonly memory: MemoryQuota;
}

/**
 * The quotas that were configured: of `limit`, and of `burst` for when that is used up. Each key has its own; of more
 * than `maxKeys` in memory the one that was unused for longest begins anew, since clients may choose the keys.
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

  /** A token of this key, or when to ask again. */
  async take(clientKey: string): Promise<Token | Refusal> {
    const key = boundedKey(clientKey);
    let waitMs = Number.POSITIVE_INFINITY;
    for (const tier of this.#tiers) {
      const { taken, leftMs, from } = await this.#consume(tier, key);
      // The wall clock that memory goes by may have been put back.
      const boundedMs = Math.min(tier.windowMs, Math.max(1, leftMs));
      if (taken) return { key, endsAt: this.#clock() + boundedMs, from };
      waitMs = Math.min(waitMs, boundedMs);
    }
    const [first] = this.#tiers;
    return { by: 'quota', waitMs, limit: first?.limit, windowMs: first?.windowMs };
  }

  /** Gives a token back that was not used. */
  giveBack({ key, endsAt, from }: Token): void {
    if (this.#clock() < endsAt) from.reward(key);
  }

  /** Ends the timers of what is in memory. */
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
