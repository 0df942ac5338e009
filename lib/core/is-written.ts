import type { ServerResponse } from 'node:http';

/**
 * Whether all of a response has been written. Node ends the stream of HTTP/2 that a client has reset, which alone looks as
 * if the response were complete; only those have a `stream`.
 */
export function isWritten(res: Pick<ServerResponse, 'writableEnded' | 'writableFinished'>): boolean {
  return res.writableFinished && (res.writableEnded || !('stream' in res));
}
