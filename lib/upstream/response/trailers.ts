import type { ServerResponse } from 'node:http';
import { sendableTrailers } from './headers.js';

/**
 * Sends the trailers of an upstream's response behind that of the client.
 * @param rawHeaders of the head
 */
export function addTrailers(
  res: ServerResponse,
  rawTrailers: readonly string[],
  rawHeaders: readonly string[],
): void {
  const trailers = sendableTrailers(rawTrailers, rawHeaders);
  // Node's HTTP/2 responses take no list.
  res.addTrailers(res.req.httpVersionMajor >= 2 ? Object.fromEntries(trailers) : trailers);
}
