import type { Attempt } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';

/** A call as far as it is explained, at the head of its answer. */
export type ExplainedCall = Pick<
  Exchange,
  'startedAt' | 'attempts' | 'queuedMs' | 'passedCacheAt' | 'cache' | 'error'
>;

/** The answer is a stored one, or another call's. */
export function isFromStore({ cache }: ExplainedCall): boolean {
  return cache === 'hit' || cache === 'stale' || cache === 'coalesced';
}

/** The attempt whose answer the client gets, changed on the way or confirming a stored one. */
export function acceptedAttempt(call: ExplainedCall): Attempt | undefined {
  const last = call.attempts.at(-1);
  return last?.outcome?.kind === 'response' && !call.error && !isFromStore(call) ? last : undefined;
}
