import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf, type Handler } from '../core/exchange.js';
import { type RequestIdOptions, resolveRequestId } from './request-id-options.js';
import { RequestIds } from './request-ids.js';

/**
 * Gives each call an id by which it is found in several systems: the client's `X-Request-Id`, or a new UUID of version 7.
 * The stages after it send it to the target and to the client as `X-Request-Id`, and statistics show it. An
 * `X-Request-Id` of the target's response is passed on as it is. Mount it first.
 *
 * @throws InvalidOptionError
 */
export function requestId(options: RequestIdOptions = {}): Handler {
  const ids = new RequestIds(resolveRequestId(options));

  return function requestId(req: IncomingMessage, res: ServerResponse, next): void {
    const exchange = exchangeOf(req, res);
    exchange.requestId ??= ids.of(req);
    next();
  };
}
