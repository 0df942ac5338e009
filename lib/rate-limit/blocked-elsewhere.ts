import type { Attempt } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange, Limit } from '../core/exchange.js';
import { recalled } from '../core/recalled.js';

/**
 * Why a call waits in vain: the error of a circuit that has opened since it admitted the attempt; `'blocked'` before a
 * first attempt, which another limit, such as that circuit, is about to refuse by itself.
 */
export function blockedElsewhere(
  exchange: Exchange,
  self: Limit,
  attempt: Attempt | undefined,
): ProxyError | 'blocked' | undefined {
  if (attempt) return recalled(exchange);
  for (const limit of exchange.limits) if (limit !== self && limit.blocks?.(exchange)) return 'blocked';
  return undefined;
}
