import type { RateLimiterMemory } from 'rate-limiter-flexible';
import { rateLimiterMemory } from '../../core/packages/rate-limiter-flexible.js';
import type { Clock } from '../../core/steady-clock.js';
import {
  type Consumed,
  consumePoints,
  type LocalQuotaEngine,
  type QuotaAlgorithm,
  type QuotaEngine,
  type QuotaLimit,
} from './engine.js';
import { addSlid, endSlots, giveBackSlid, newSlots, type Slots, takeSlid, waitSlid } from './sliding.js';

/** A quota of this process alone. */
export function memoryQuota(algorithm: QuotaAlgorithm, limit: QuotaLimit, clock: Clock): LocalQuotaEngine {
  if (algorithm === 'fixed') return new FixedQuota(limit);
  return algorithm === 'spaced' ? new SpacedQuota(limit, clock) : new SlidingQuota(limit, clock);
}

class FixedQuota implements LocalQuotaEngine {
  readonly #limit: QuotaLimit;
  #limiter: RateLimiterMemory;

  constructor(quota: QuotaLimit) {
    const { limit, windowMs } = quota;
    this.#limit = quota;
    const RateLimiterMemory = rateLimiterMemory();
    this.#limiter = new RateLimiterMemory({ points: limit, duration: windowMs / 1000, keyPrefix: '' });
  }

  async consume(key: string, points: number): Promise<Consumed> {
    const consumed = await consumePoints(this.#limiter, key, points);
    // The limiter counts refused points too: without this, points given back later would free nothing.
    if (!consumed.taken) this.reward(key, points);
    return consumed;
  }

  reward(key: string, points: number): void {
    this.#limiter.reward(key, points).catch(() => {});
  }

  charge(key: string, points: number): void {
    this.#limiter.penalty(key, points).catch(() => {});
  }

  resume(known: QuotaEngine): boolean {
    if (!(known instanceof FixedQuota) || known.#limit.windowMs !== this.#limit.windowMs) return false;
    this.#limiter = known.#limiter;
    this.#limiter.points = this.#limit.limit;
    return true;
  }

  forget(key: string): void {
    this.#limiter.delete(key).catch(() => {});
  }
}

class SlidingQuota implements LocalQuotaEngine {
  readonly #limit: QuotaLimit;
  readonly #clock: Clock;
  #slots = new Map<string, Slots>();

  constructor(limit: QuotaLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  async consume(key: string, points: number): Promise<Consumed> {
    const slots = this.#slots.get(key) ?? newSlots();
    this.#slots.set(key, slots);
    return takeSlid(slots, this.#limit, this.#clock(), points);
  }

  reward(key: string, points: number, mark: number | undefined): void {
    const slots = this.#slots.get(key);
    if (slots && mark !== undefined) giveBackSlid(slots, mark, points);
  }

  charge(key: string, points: number): void {
    const slots = this.#slots.get(key);
    // One that was forgotten since starts again, and nobody would forget it a second time.
    if (slots) addSlid(slots, this.#limit.windowMs, this.#clock(), points);
  }

  waitMs(key: string, points: number): number {
    const slots = this.#slots.get(key);
    return slots ? waitSlid(slots, this.#limit, this.#clock(), points) : 0;
  }

  left(key: string): number {
    const slots = this.#slots.get(key);
    const { limit, windowMs } = this.#limit;
    if (!slots) return limit;
    endSlots(slots, windowMs, this.#clock());
    return Math.max(0, limit - slots.sum);
  }

  resume(known: QuotaEngine): boolean {
    if (!(known instanceof SlidingQuota) || known.#limit.windowMs !== this.#limit.windowMs) return false;
    this.#slots = known.#slots;
    return true;
  }

  forget(key: string): void {
    this.#slots.delete(key);
  }
}

/** The generic cell rate algorithm, without any burst. */
class SpacedQuota implements LocalQuotaEngine {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextAt = new Map<string, number>();

  constructor({ limit, windowMs }: QuotaLimit, clock: Clock) {
    this.#intervalMs = windowMs / limit;
    this.#clock = clock;
  }

  async consume(key: string, points: number): Promise<Consumed> {
    const now = this.#clock();
    const nextAt = this.#nextAt.get(key) ?? now;
    if (nextAt > now) return { taken: false, leftMs: nextAt - now };
    const leftMs = points * this.#intervalMs;
    this.#nextAt.set(key, now + leftMs);
    return { taken: true, leftMs };
  }

  waitMs(key: string): number {
    return Math.max(0, (this.#nextAt.get(key) ?? 0) - this.#clock());
  }

  reward(key: string, points: number): void {
    const nextAt = this.#nextAt.get(key);
    if (nextAt !== undefined) this.#nextAt.set(key, nextAt - points * this.#intervalMs);
  }

  charge(key: string, points: number): void {
    const nextAt = this.#nextAt.get(key);
    if (nextAt !== undefined)
      this.#nextAt.set(key, Math.max(this.#clock(), nextAt) + points * this.#intervalMs);
  }

  resume(known: QuotaEngine): boolean {
    if (!(known instanceof SpacedQuota)) return false;
    this.#nextAt = known.#nextAt;
    return true;
  }

  forget(key: string): void {
    this.#nextAt.delete(key);
  }
}
