import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type Consumed, consumePoint, type QuotaEngine, type QuotaLimit } from './engine.js';

/** A quota of this process alone. */
export class MemoryQuota implements QuotaEngine {
  readonly #limiter: RateLimiterMemory;

  constructor({ limit, windowMs }: QuotaLimit) {
    this.#limiter = new RateLimiterMemory({ points: limit, duration: windowMs / 1000, keyPrefix: '' });
  }

  async consume(key: string): Promise<Consumed> {
    const consumed = await consumePoint(this.#limiter, key);
    // The limiter counts refused points too: without this, a point given back later would free nothing.
    if (!consumed.taken) this.reward(key);
    return consumed;
  }

  reward(key: string): void {
    this.#limiter.reward(key).catch(() => {});
  }

  /** Removes a key and its timer. */
  forget(key: string): void {
    this.#limiter.delete(key).catch(() => {});
  }
}
