import type { ClientRequest } from 'node:http';

/** Methods whose requests are expected to have a body (RFC 9110 §9.3), and WebDAV's. */
const TAKES_BODY = /^(?:POST|PUT|PATCH|QUERY|PROPFIND|PROPPATCH)$/;

/**
 * Whether a target that gets HTTP wrong may leave something on the connection that would be taken for the response to
 * another client's request: one that sends a body to HEAD, or that takes the body of a GET for the next request
 * (RFC 9112 §11.2). undici closes its connections after the same requests.
 */
export function endsConnection(method: string, hasBody: boolean): boolean {
  return method === 'HEAD' || (hasBody && !TAKES_BODY.test(method));
}

/** Sets the `Connection` header of a request, and with it what becomes of its connection. */
export function sendConnection(proxyReq: ClientRequest): void {
  const chunked = proxyReq.hasHeader('transfer-encoding');
  const ends = endsConnection(
    proxyReq.method,
    chunked || Number(proxyReq.getHeader('content-length') ?? 0) > 0,
  );
  if (ends) proxyReq.shouldKeepAlive = false;
  const persistence = proxyReq.shouldKeepAlive ? 'keep-alive' : 'close';
  // RFC 9110 §10.1.4: whoever sends TE says that it is for this connection.
  if (proxyReq.hasHeader('te')) proxyReq.setHeader('connection', `TE, ${persistence}`);
  // httpxy sets `close` on a request with chunks.
  else if (ends || chunked) proxyReq.setHeader('connection', persistence);
}

/**
 * Has all headers of the response kept: its parser leaves out those behind the thousandth, of which nothing tells, and
 * the size of the head is limited anyway. A request that has its connection looks at its own `maxHeadersCount` no more.
 */
export function keepAllHeaders(proxyReq: ClientRequest): void {
  const parser: unknown = Reflect.get(proxyReq, 'parser');
  if (typeof parser === 'object' && parser !== null) Reflect.set(parser, 'maxHeaderPairs', 0);
}
