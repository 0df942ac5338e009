import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { joinedHeaders } from '../../http/headers.js';
import type { RequestBody } from '../request/body-rules.js';
import type { Plan } from '../transport.js';

/**
 * What httpxy is given for the client's request: the fields that the target shall get, where httpxy would
 * copy the client's own, hop-by-hop and all.
 */
export interface StandIn
  extends Pick<
    IncomingMessage,
    'method' | 'url' | 'httpVersion' | 'httpVersionMajor' | 'socket' | 'connection'
  > {
  headers: IncomingHttpHeaders;
  on(): void;
}

/** Makes the stand-in of one attempt. */
export function standIn({ exchange, method, rawHeaders, body }: Plan): StandIn {
  const { url, httpVersion, httpVersionMajor, socket } = exchange.req;
  const headers: IncomingHttpHeaders = joinedHeaders(rawHeaders);
  frame(headers, body);
  return { method, url, httpVersion, httpVersionMajor, socket, connection: socket, headers, on: () => {} };
}

/** Says how the body is framed: with the length that is known, else in chunks. */
export function frame(headers: OutgoingHttpHeaders, body: RequestBody | undefined): void {
  const whole = body?.rebuilt ? body.open() : undefined;
  if (Buffer.isBuffer(whole)) headers['content-length'] = String(whole.length);
  else if (body && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
}
