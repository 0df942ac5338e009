import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { reasonOf } from '../http/reason.js';

/** How a request ended: `left` is a client that went away while it received the response. */
export type CallResult = 'success' | 'failure' | 'aborted' | 'left';

/**
 * The result of a request whose response has closed. A refusal counts by its status: 503 is a failure, 429 is not.
 * @param cut the error that broke off the response, where known
 */
export function resultOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): CallResult {
  const by = (error ?? cut)?.by;
  if (!res.headersSent) return by === undefined || by === 'client' ? 'aborted' : 'failure';
  // A response that its client read too slowly was cut by its target, and left by its client.
  if (res.statusCode >= 500 || (cut && cut.by !== 'client')) return 'failure';
  return res.writableFinished ? 'success' : 'left';
}

/** The message of a request that failed, or got an error response of the gateway. */
export function messageOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): string {
  const cause = error ?? cut;
  if (cause) return cause.message;
  return `status ${res.statusCode}${reasonOf(res) && ` ${reasonOf(res)}`}`;
}
