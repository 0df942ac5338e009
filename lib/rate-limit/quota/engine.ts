import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** A number of calls in a window of time. */
export interface QuotaLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Result of taking one point. */
export interface Consumed {
  readonly taken: boolean;
  /** Time until the window ends. */
  readonly leftMs: number;
}

/** Counts the points of a quota. */
export interface QuotaEngine {
  /** Takes one point; `undefined` without a response in time. */
  consume(key: string): Promise<Consumed | undefined>;
  /** Gives one point back. */
  reward(key: string): void;
}

/** Takes a point. rate-limiter-flexible rejects the promise if there is none. */
export async function consumePoint(
  limiter: RateLimiterAbstract,
  key: string,
  options?: { customDuration: number },
): Promise<Consumed> {
  try {
    const { msBeforeNext } = await limiter.consume(key, 1, options);
    return { taken: true, leftMs: msBeforeNext };
  } catch (thrown) {
    if (thrown instanceof RateLimiterRes) return { taken: false, leftMs: thrown.msBeforeNext };
    throw thrown;
  }
}
