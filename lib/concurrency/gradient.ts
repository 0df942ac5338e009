/** Bounds of an {@link AdaptiveLimit}. */
export interface AdaptiveBounds {
  readonly min: number;
  readonly max: number;
}

/** Where it begins, as far as the bounds allow it. */
const INITIAL = 20;

/** Share of a new estimate that a step takes over, upwards and downwards. */
const SMOOTHING_UP = 0.2;
const SMOOTHING_DOWN = 0.5;

/** The most that one step reacts to. */
const STEEPEST = 0.5;

/** Below this gradient the target has shown its limit, which is approached slowly from then on. */
const SHOWS_LIMIT = 0.9;

/** Requests that may queue at the target, for each square root of the limit. */
const ALLOWANCE = 0.7;

/** A step needs at least so many latencies, and as many as the limit; and so much time. */
const LEAST_SAMPLES = 10;
const SHORTEST_STEP_MS = 50;
const LONGEST_STEP_MS = 1000;

/**
 * How fast the usual latency follows that of a step: slowly up, lest a target that stays overloaded be taken for one
 * that is as slow as that; fast down.
 */
const FOLLOW_UP = 1 / 600;
const FOLLOW_DOWN = 1 / 10;

/**
 * How many requests a target can handle at once, learned from its latency: while that is as usual the limit grows, and
 * as it rises the limit shrinks.
 *
 * After `Gradient2Limit` of Netflix' concurrency-limits (https://github.com/Netflix/concurrency-limits; "Performance
 * Under Load", 2018): `gradient = clamp(usual / current latency, 0.5, 1)`, `next = limit × gradient + queue`, smoothed
 * by 0.2, and nothing is learned while less than half of the limit is in use. It differs where a proxy does better: the
 * queue is a share of the square root of the limit, as in that library's first `GradientLimit`; a step takes the mean of
 * as many latencies as the limit; until the target shows a limit the growth is that of TCP's slow start; the way down
 * is faster than the way up; the usual latency rises more slowly than it falls; and a target that refuses for
 * overload, or does not respond in time, shrinks the limit whatever its latency.
 */
export class AdaptiveLimit {
  #bounds: AdaptiveBounds;
  #estimate: number;
  /** `undefined` until the first step. */
  #usualMs: number | undefined;
  #knowsLimit = false;
  #stepEndsAt = 0;
  #sumMs = 0;
  #samples = 0;
  #mostInFlight = 0;
  #overloaded = false;

  constructor(bounds: AdaptiveBounds) {
    this.#bounds = bounds;
    this.#estimate = this.#bounded(INITIAL);
  }

  /** Keeps what it has learned, within other bounds. */
  bound(bounds: AdaptiveBounds): void {
    this.#bounds = bounds;
    this.#estimate = this.#bounded(this.#estimate);
  }

  /** Forgets what it has learned. */
  reset(): void {
    this.#estimate = this.#bounded(INITIAL);
    this.#usualMs = undefined;
    this.#knowsLimit = false;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#mostInFlight = 0;
    this.#overloaded = false;
  }

  /** A whole number. */
  get limit(): number {
    return Math.floor(this.#estimate);
  }

  /**
   * Learns from a response.
   * @param latencyMs from the end of the request to the head
   * @param inFlight requests at its end, itself included
   */
  responded(latencyMs: number, inFlight: number, now: number): void {
    this.#sumMs += latencyMs;
    this.#samples++;
    this.#saw(inFlight, now);
  }

  /** Learns that there were too many requests: the target said so, or did not respond in time. */
  overloaded(inFlight: number, now: number): void {
    this.#overloaded = true;
    this.#saw(inFlight, now);
  }

  #saw(inFlight: number, now: number): void {
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight;
    if (now < this.#stepEndsAt) return;
    if (this.#overloaded || this.#samples >= Math.max(LEAST_SAMPLES, this.#estimate)) this.#step(now);
  }

  #step(now: number): void {
    const currentMs = this.#samples > 0 ? this.#sumMs / this.#samples : this.#usualMs;
    const learned = currentMs === undefined ? 1 : this.#gradient(currentMs);
    const gradient = this.#overloaded ? STEEPEST : learned;
    // Nothing is known of more requests than there are.
    if (this.#mostInFlight >= this.#estimate / 2) this.#follow(gradient);
    this.#stepEndsAt = now + Math.min(LONGEST_STEP_MS, Math.max(SHORTEST_STEP_MS, currentMs ?? 0));
    this.#sumMs = 0;
    this.#samples = 0;
    this.#mostInFlight = 0;
    this.#overloaded = false;
  }

  #follow(gradient: number): void {
    const before = this.#estimate;
    if (gradient < SHOWS_LIMIT) this.#knowsLimit = true;
    const more = this.#knowsLimit ? ALLOWANCE * Math.sqrt(before) : before;
    const next = before * gradient + (this.#overloaded ? 0 : more);
    const smoothing = next < before ? SMOOTHING_DOWN : SMOOTHING_UP;
    this.#estimate = this.#bounded(before + (next - before) * smoothing);
  }

  #gradient(currentMs: number): number {
    const usualMs = this.#usualMs ?? currentMs;
    this.#usualMs = usualMs + (currentMs - usualMs) * (currentMs > usualMs ? FOLLOW_UP : FOLLOW_DOWN);
    return currentMs > 0 ? Math.min(1, Math.max(STEEPEST, this.#usualMs / currentMs)) : 1;
  }

  #bounded(limit: number): number {
    return Math.min(this.#bounds.max, Math.max(this.#bounds.min, limit));
  }
}
