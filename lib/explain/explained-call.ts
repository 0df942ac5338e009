import type { Attempt } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';

/** What is known of a call when its response headers are written. */
export type ExplainedCall = Pick<
  Exchange,
  'startedAt' | 'attempts' | 'queuedMs' | 'passedCacheAt' | 'cache' | 'error'
>;

/** The response is a stored one, or shared with another call. */
export function isFromStore({ cache }: ExplainedCall): boolean {
  return cache === 'hit' || cache === 'stale' || cache === 'coalesced';
}

/** The attempt whose response the client gets, also if it only confirmed a stored one. */
export function acceptedAttempt(call: ExplainedCall): Attempt | undefined {
  const last = call.attempts.at(-1);
  return last?.outcome?.kind === 'response' && !call.error && !isFromStore(call) ? last : undefined;
}
