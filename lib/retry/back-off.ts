import type { ResolvedRetry } from './retry-options.js';

/**
 * Wait before the next attempt, after `attemptsMade` ones: initial × factor^(n−1), capped, ± 20 %.
 * @param random between 0 and 1
 */
export function backOffMs(
  { initialDelayMs, backoffFactor, maxDelayMs }: ResolvedRetry,
  attemptsMade: number,
  random: number,
): number {
  const planned = Math.min(maxDelayMs, initialDelayMs * backoffFactor ** (attemptsMade - 1));
  return Math.min(maxDelayMs, planned * (0.8 + 0.4 * random));
}
