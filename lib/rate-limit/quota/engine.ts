import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { rateLimiterRes } from '../../core/packages/rate-limiter-flexible.js';

/**
 * How calls are counted. `sliding`: within any window. `fixed`: from the first call of a window to its end. `spaced`:
 * one after another, evenly.
 */
export type QuotaAlgorithm = 'sliding' | 'fixed' | 'spaced';

/** A number of calls in a window of time. */
export interface QuotaLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Result of taking points. */
export interface Consumed {
  readonly taken: boolean;
  /** Time until the window ends, or until there may be enough points. */
  readonly leftMs: number;
  /** Where the points were taken from, for {@link QuotaEngine.reward}. */
  readonly mark?: number;
}

/** Counts the points of a quota. */
export interface QuotaEngine {
  /** Takes points; `undefined` without a response in time. */
  consume(key: string, points: number): Promise<Consumed | undefined>;
  /** Gives points back. */
  reward(key: string, points: number, mark: number | undefined): void;
  /** Counts points that have been used already, beyond the limit too. */
  charge(key: string, points: number): void;
  /** Points left now; `undefined` if it does not tell. */
  left?(key: string): number | undefined;
  /**
   * Goes on with what another has counted; both count on together.
   * @returns whether that was counted in the same way
   */
  resume?(known: QuotaEngine): boolean;
  /** Another counts for other processes from now on; what comes of its own calls is its own. */
  retire?(): void;
  /** Ends what it holds. */
  close?(): void;
}

/** A {@link QuotaEngine} of this process alone. */
export interface LocalQuotaEngine extends QuotaEngine {
  consume(key: string, points: number): Promise<Consumed>;
  left?(key: string): number;
  /** Time until there may be so many points; 0 is now. */
  waitMs?(key: string, points: number): number;
  /** Removes a key and its timer. */
  forget(key: string): void;
  resume(known: QuotaEngine): boolean;
}

/** Takes points. rate-limiter-flexible rejects the promise if there are too few. */
export async function consumePoints(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
  options?: { customDuration: number },
): Promise<Consumed> {
  try {
    const { msBeforeNext } = await limiter.consume(key, points, options);
    return { taken: true, leftMs: msBeforeNext };
  } catch (thrown) {
    if (thrown instanceof rateLimiterRes()) return { taken: false, leftMs: thrown.msBeforeNext };
    throw thrown;
  }
}
