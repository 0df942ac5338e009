import type { IncomingMessage } from 'node:http';

/** Only a lenient parser takes both lengths: the chunks hold, and the other one is not passed on (RFC 9112 §6.3). */
export function framedOnce({ headers, rawHeaders }: IncomingMessage): string[] {
  if (!headers['transfer-encoding'] || headers['content-length'] === undefined) return rawHeaders;
  return rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() !== 'content-length');
}
