import type { IncomingMessage, ServerResponse } from 'node:http';
import { breakOff } from './break-off.js';
import { ProxyError } from './errors.js';
import { announcesBody, knownExchange } from './exchange.js';
import { lingerWhileUploading } from './linger.js';

/**
 * Responds with an error as JSON, `{ error, code }`, and `requestId` where the request has one. Anything but a {@link ProxyError} may hold secrets and is shown
 * as an internal error. A response that has begun is broken off instead.
 */
export function sendError(req: IncomingMessage, res: ServerResponse, thrown: unknown): ProxyError {
  const error = asProxyError(thrown);
  if (res.headersSent) {
    breakOff(res);
    return error;
  }
  const exchange = knownExchange(req);
  const requestId = exchange?.requestId ?? idOf(res);
  const body = Buffer.from(JSON.stringify({ error: error.message, code: error.code, requestId }));
  for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value);
  // Otherwise the client would go on sending a body that nobody reads.
  if (!req.complete && req.httpVersionMajor < 2 && announcesBody(req)) res.setHeader('Connection', 'close');
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Content-Length', body.length);
  res.statusCode = error.status;
  if (exchange) exchange.bytesOut += body.length;
  if (requestId !== undefined && !res.hasHeader(REQUEST_ID)) res.setHeader(REQUEST_ID, requestId);
  lingerWhileUploading(req);
  res.end(body);
  return error;
}

export const REQUEST_ID = 'X-Request-Id';

/** The id that a response tells its client, where it was set before. */
export function idOf(res: ServerResponse): string | undefined {
  const id = res.getHeader(REQUEST_ID);
  return typeof id === 'string' ? id : undefined;
}

/** What was thrown, in a form that is safe for a client. */
export function asProxyError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown;
  return new ProxyError('ERR_INTERNAL', 'The call failed inside the proxy', { cause: thrown });
}
