import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { joinedHeaders } from '../../http/headers.js';
import type { RequestBody } from '../request/body-rules.js';
import type { Plan } from '../transport.js';

/**
 * Replaces the client's request for httpxy. It has the headers for the target; of a real request httpxy would copy
 * all the client's headers, hop-by-hop ones included.
 */
export interface StandIn
  extends Pick<
    IncomingMessage,
    'method' | 'url' | 'httpVersion' | 'httpVersionMajor' | 'socket' | 'connection'
  > {
  headers: IncomingHttpHeaders;
  on(): void;
}

/** Makes the replacement for one attempt. */
export function standIn({ exchange, method, rawHeaders, body }: Plan): StandIn {
  const { url, httpVersion, httpVersionMajor, socket } = exchange.req;
  const headers: IncomingHttpHeaders = joinedHeaders(rawHeaders);
  frame(headers, body);
  return { method, url, httpVersion, httpVersionMajor, socket, connection: socket, headers, on: () => {} };
}

/** Sets the framing of the body: its length if known, otherwise chunks. */
export function frame(headers: OutgoingHttpHeaders, body: RequestBody | undefined): void {
  const whole = body?.rebuilt ? body.open() : undefined;
  if (Buffer.isBuffer(whole)) headers['content-length'] = String(whole.length);
  else if (body && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
}
