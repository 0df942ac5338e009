import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';

/** How a call ended: `left` is a client that went away while it got its answer. */
export type CallResult = 'success' | 'failure' | 'aborted' | 'left';

/**
 * Judges a call whose response has closed. A refusal counts by its status: 503 is a failure, 429 is none.
 * @param cut the error by which an answer broke off, where that is known
 */
export function resultOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): CallResult {
  if (!res.headersSent) return error || cut ? 'failure' : 'aborted';
  if (res.statusCode >= 500 || cut) return 'failure';
  return res.writableFinished ? 'success' : 'left';
}

/** What is told of a call that failed, or was answered by an error of the gateway's. */
export function messageOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): string {
  const cause = error ?? cut;
  if (cause) return cause.message;
  return `status ${res.statusCode}${res.statusMessage ? ` ${res.statusMessage}` : ''}`;
}
