import type { Exchange } from '../core/exchange.js';

/** Below this, or this share of what the target may take, an attempt is not worth its beginning. */
const LEAST_MS = 50;
const LEAST_SHARE = 0.1;
/** A target that had this share of its time and did not respond is to blame for it. */
const FAIR_SHARE = 0.9;

/** The time that a call has for its attempts, and each of its targets for a response; `Infinity` is no limit. */
export class TimeBudget {
  /** What the target may take from the last byte of the request to its head. */
  readonly requestMs: number;
  /** The least time that an attempt needs to be begun. */
  readonly leastMs: number;
  readonly #fairMs: number;
  readonly #totalMs: number;
  /** When all of it is used up, on the clock of `performance.now()`. */
  #endsAt: number;

  /** @param requestTimeoutMs of `forward()`; a stage in front may have set another, and the smaller one holds */
  constructor({ retry, startedAt, readAheadMs, attemptTimeoutMs }: Exchange, requestTimeoutMs: number) {
    const own = requestTimeoutMs || Number.POSITIVE_INFINITY;
    this.requestMs = attemptTimeoutMs === undefined ? own : Math.min(own, attemptTimeoutMs);
    const totalMs = retry ? retry.totalTimeoutMs : Number.POSITIVE_INFINITY;
    const share = Math.min(this.requestMs, totalMs);
    this.leastMs = retry ? Math.min(Math.max(LEAST_MS, share * LEAST_SHARE), totalMs / 2) : 0;
    this.#fairMs = share * FAIR_SHARE;
    this.#totalMs = totalMs;
    this.#endsAt = startedAt + readAheadMs + totalMs;
  }

  get endsAt(): number {
    return this.#endsAt;
  }

  /** Time that counts against the total. */
  elapsedMs(now: number): number {
    return this.#totalMs === Number.POSITIVE_INFINITY ? 0 : this.#totalMs - (this.#endsAt - now);
  }

  /** Whether an attempt may begin now. */
  suffices(now: number): boolean {
    return this.#endsAt - now >= this.leastMs;
  }

  /** Whether the waits before have left so little that a timeout would say nothing about the target. */
  isShort(now: number): boolean {
    return this.#endsAt - now < this.#fairMs;
  }

  /** An upload may take as long as it flows: its time does not count. */
  extend(ms: number): void {
    this.#endsAt += ms;
  }
}
