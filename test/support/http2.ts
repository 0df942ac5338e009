import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { onCleanup } from './cleanup.js';
import { eventOf, within } from './until.js';

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** Serves a request listener on Node's HTTP/2 server, with TLS for HTTP/1.1 clients too; closed after the test. */
export async function serveHttp2(
  listener: Listener,
  tls?: TlsOptions,
): Promise<{ url: string; port: number }> {
  // Its requests and responses are compatible with those of HTTP/1, though their types are not.
  const onRequest = listener as unknown as Parameters<typeof createServer>[1] & object;
  const server = tls ? createSecureServer({ ...tls, allowHTTP1: true }, onRequest) : createServer(onRequest);
  server.listen(0, '127.0.0.1');
  await eventOf(server, 'listening');
  onCleanup(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port };
}

/** An HTTP/2 connection, closed after the test. */
export function http2Client(url: string): ClientHttp2Session {
  const session = connect(url, { rejectUnauthorized: false });
  session.on('error', () => {});
  onCleanup(() => session.destroy());
  return session;
}

/** A response read to its end. */
export interface Http2Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** Sends one request and reads its response. @param body sent without a length */
export async function http2Call(
  session: ClientHttp2Session,
  headers: Record<string, string | string[]>,
  body?: string | Buffer,
): Promise<Http2Response> {
  const stream = session.request(headers, { endStream: body === undefined });
  const seen = { headers: {} as IncomingHttpHeaders, trailers: {} as IncomingHttpHeaders };
  stream.on('response', (head) => Object.assign(seen, { headers: head }));
  stream.on('trailers', (trailers) => Object.assign(seen, { trailers }));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (body !== undefined) stream.end(body);
  await within(eventOf(stream, 'end'), 'the end of the response', 10_000);
  const whole = Buffer.concat(chunks);
  return { ...seen, status: Number(seen.headers[':status']), body: whole, text: whole.toString() };
}
