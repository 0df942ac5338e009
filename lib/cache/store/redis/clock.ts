import type { Clock } from '../../../core/steady-clock.js';
import type { RedisClient } from '../../../redis/client.js';
import type { RedisLink } from '../../../redis/link.js';
import type { EntryMeta } from '../entry.js';

/** How long an estimate is used before Redis is asked again. */
const TRUSTED_MS = 60_000;
/** Smaller differences are those of the way to Redis. */
const TOLERATED_MS = 20;

/**
 * How far the clock of Redis is ahead of this process' own. Times in Redis are on its clock, so that those of the
 * processes need not agree with one another, nor go evenly.
 */
export class RedisClock {
  readonly #link: RedisLink;
  readonly #client: RedisClient;
  readonly #now: Clock;
  readonly #changed: () => void;
  #aheadMs: number;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** @param changed called when the difference has changed */
  constructor(link: RedisLink, now: Clock, changed: () => void) {
    this.#link = link;
    this.#client = link.client;
    this.#now = now;
    this.#changed = changed;
    // Until Redis says so itself, it is taken to have the time of day.
    const aheadMs = Math.round(Date.now() - now());
    this.#aheadMs = Math.abs(aheadMs) <= TOLERATED_MS ? 0 : aheadMs;
    link.onRecovered(() => void this.#ask());
    if (link.usable) void this.#ask();
  }

  get aheadMs(): number {
    if (this.#now() - this.#askedAt > TRUSTED_MS) void this.#ask();
    return this.#aheadMs;
  }

  async #ask(): Promise<void> {
    const before = this.#now();
    this.#askedAt = before;
    const reply = await this.#link.run(() => this.#client.time());
    if (!reply.ok) return;
    const after = this.#now();
    const [seconds, micros] = reply.value;
    const redis = Number(seconds) * 1000 + Number(micros) / 1000;
    const ahead = Math.round(redis - (before + after) / 2);
    if (!Number.isFinite(ahead) || Math.abs(ahead - this.#aheadMs) <= TOLERATED_MS + after - before) return;
    this.#aheadMs = ahead;
    this.#changed();
  }
}

/** A head whose times are on another clock, that many milliseconds ahead. Its `Date` is that of its upstream. */
export function shifted(meta: EntryMeta, ms: number): EntryMeta {
  if (ms === 0) return meta;
  return {
    ...meta,
    requestTime: meta.requestTime + ms,
    responseTime: meta.responseTime + ms,
    bornAt: meta.bornAt + ms,
    freshUntil: meta.freshUntil + ms,
    staleWhileRevalidateUntil: meta.staleWhileRevalidateUntil + ms,
    staleIfErrorUntil: meta.staleIfErrorUntil + ms,
    keepUntil: meta.keepUntil + ms,
  };
}
