import type { ProxyError } from './errors.js';
import type { Exchange } from './exchange.js';
import { isWritten } from './is-written.js';
import { sendError } from './send-error.js';

/**
 * Ends a call here and now: with the error as its response, or by breaking off the response that has begun. All who
 * wait for its end are told before this returns, so that a process which is about to end has counted it.
 */
export function cutCall(exchange: Exchange, error: ProxyError): void {
  exchange.error ??= error;
  sendError(exchange.req, exchange.res, error);
  exchange.close();
}

/**
 * The error that broke off a response whose head had been sent: of this process, or of the attempt that it came from;
 * `undefined` if none did.
 */
export function brokenOffBy({
  res,
  error,
  attempts,
}: Pick<Exchange, 'res' | 'error' | 'attempts'>): ProxyError | undefined {
  if (!res.headersSent || isWritten(res)) return undefined;
  // An error that was sent in place of a response has given it its status.
  if (error) return res.statusCode === error.status ? undefined : error;
  const last = attempts.at(-1);
  return last?.outcome?.kind === 'response' && last.end?.kind === 'failure' ? last.end.error : undefined;
}

/**
 * Notes that the target has broken off a response that was passed on.
 * @param passedOn called where its client has its head already
 * @returns the error to send to the client; `undefined` if it has a head already
 */
export function afterCut(
  exchange: Exchange,
  error: ProxyError,
  passedOn?: () => void,
): ProxyError | undefined {
  const { headersSent, writableEnded } = exchange.res;
  // Noted now, since Node says of a response that was broken off and ended afterwards that it was written in full. One
  // that has ended was another: a stored one that took the place of this.
  if (headersSent && !writableEnded) exchange.cut = error;
  if (!headersSent) return error;
  passedOn?.();
  return undefined;
}
