import type { Attempt } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { recalled } from '../core/recalled.js';
import { leftError } from './refusal.js';

/** A call that waits. */
export interface Waiter<Place> {
  readonly party: string;
  readonly exchange: Exchange;
  /** `undefined` for a call that waits before its first attempt. */
  readonly attempt: Attempt | undefined;
  settle(verdict: Place | ProxyError): void;
}

/** Why a call no longer has to wait. */
export function inVain({ attempt, exchange }: Waiter<unknown>): ProxyError | undefined {
  return attempt?.end ? leftError() : recalled(exchange);
}

/** What `retry()` leaves a call. */
export function leftMs({ retry, startedAt, readAheadMs }: Exchange): number {
  if (!retry) return Number.POSITIVE_INFINITY;
  return retry.totalTimeoutMs - (performance.now() - startedAt - readAheadMs);
}
