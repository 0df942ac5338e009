import { ProxyError } from '../core/errors.js';

/** Nobody knows when a request in flight will end. */
const RETRY_AFTER_MS = 1000;

/** Why a call was refused: the queue was full, or it had waited for too long. */
export type RefusedBecause = 'queue' | 'wait';

/** The error of a call for which there was no place among the requests in flight. */
export function concurrencyError(
  api: string,
  because: RefusedBecause,
  { limit, inFlight, waiting, lost }: { limit: number; inFlight: number; waiting: number; lost: boolean },
): ProxyError {
  const state = lost
    ? `Requests to "${api}" at once cannot be counted while Redis is lost (onStoreLoss: reject), ${waiting} waiting`
    : `Too many requests to "${api}" at once: ${inFlight} in flight (limit ${limit}), ${waiting} waiting`;
  const why = because === 'wait' ? 'the call has waited for too long' : 'the queue is full';
  return new ProxyError('ERR_CONCURRENCY_LIMIT', `${state}; ${why}. Please try again later`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

/** Prevents an attempt that nobody waits for any more; nobody is there to see it. */
export const leftError = (): ProxyError =>
  new ProxyError('ERR_CONCURRENCY_LIMIT', 'The client left while its call waited for its turn');
