import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** So many calls in so much time. */
export interface QuotaLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** What came of one point that was asked for. */
export interface Consumed {
  readonly taken: boolean;
  /** Until the window ends. */
  readonly leftMs: number;
}

/** Where the points of a quota are counted. */
export interface QuotaEngine {
  /** `undefined` where there is no answer in time. */
  consume(key: string): Promise<Consumed | undefined>;
  /** Gives one point back. */
  reward(key: string): void;
}

/** Takes a point. What rate-limiter-flexible refuses is a rejection there. */
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
