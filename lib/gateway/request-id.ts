import type { IncomingMessage, ServerResponse } from 'node:http';
import { REQUEST_ID } from '../core/send-error.js';
import { givenRequestId, type RequestIds } from '../request-id/request-ids.js';
import { UuidV7 } from '../request-id/uuid-v7.js';

/** The client's `X-Request-Id`, or a new one: it connects the log lines of several systems. */
export const requestId = (req: IncomingMessage): string => givenRequestId(req) ?? new UuidV7().next();

/**
 * Gives a request that is no call its id, and tells it to the client; what is logged of it later has the same.
 * @param ids `undefined` where requests have none
 */
export function tellId(req: IncomingMessage, res: ServerResponse, ids: RequestIds | undefined): void {
  if (!ids) return;
  const id = ids.of(req);
  req.headers['x-request-id'] = id;
  res.setHeader(REQUEST_ID, id);
}
