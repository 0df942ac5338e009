import type { Attempt } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';

/** Whether the target cannot have counted an attempt. */
export function neverArrived({ end }: Attempt): boolean {
  if (end?.kind !== 'failure') return end?.kind === 'unused';
  return end.unsent || end.staleConnection || end.by === 'egress';
}

/** Whether a later stage has responded without an attempt that counts here. */
export function respondedHere({ error, cache, attempts }: Exchange): boolean {
  const fromCache = cache === 'hit' || cache === 'stale' || cache === 'coalesced';
  return error !== undefined || fromCache || attempts.length > 0;
}
