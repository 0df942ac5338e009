import type { ClientRequest } from 'node:http';
import type { Plan } from '../transport.js';

const SAID_BY_THE_CLIENT = ['content-encoding', 'content-length'] as const;

/**
 * Restores the client's framing headers on a request whose body a parser has read, while listeners run:
 * `fixRequestBody` reads them when it writes the body itself.
 * @returns puts the framing of the rebuilt body back, unless a listener has begun to write the body
 */
export function lendFraming(proxyReq: ClientRequest, { exchange, body }: Plan): (() => void) | undefined {
  if (!body?.rebuilt) return undefined;
  const length = proxyReq.getHeader('content-length');
  const encoding = proxyReq.getHeader('content-encoding');
  for (const name of SAID_BY_THE_CLIENT) {
    const said = exchange.req.headers[name];
    if (said !== undefined) proxyReq.setHeader(name, said);
  }
  return () => {
    if (proxyReq.headersSent) return;
    if (length !== undefined) proxyReq.setHeader('content-length', length);
    if (encoding === undefined) proxyReq.removeHeader('content-encoding');
    else proxyReq.setHeader('content-encoding', encoding);
  };
}
