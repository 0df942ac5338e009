import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import { type Connections, listening } from './listening.js';

/** A request as received by the upstream; `body` grows until `complete`. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  body: Buffer;
  bytes: number;
  complete: boolean;
}

/** Responds to a request. Called when the head has arrived; the body arrives meanwhile. */
export type UpstreamResponse = RequestListener;

export interface UpstreamOptions {
  /** Makes it https. */
  tls?: TlsOptions | undefined;
  /** `false`: the body is not read until the responder reads it. */
  readBody?: boolean | undefined;
  /** Time that an idle connection is kept open. */
  keepAliveTimeoutMs?: number | undefined;
}

/** A real HTTP server as target of a proxy. */
export interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  readonly connections: Connections;
  close(): Promise<void>;
}

/**
 * Starts an upstream on a free port, closed after the test.
 * @param script one responder for all requests, or one for each in turn, the last of them for all further ones
 */
export async function startUpstream(
  script: UpstreamResponse | readonly UpstreamResponse[],
  { tls, readBody = true, keepAliveTimeoutMs = 60_000 }: UpstreamOptions = {},
): Promise<Upstream> {
  const responses = typeof script === 'function' ? [script] : script;
  const requests: ReceivedRequest[] = [];
  const listener: RequestListener = (req, res) => {
    const response = responses[Math.min(requests.length, responses.length - 1)];
    requests.push(received(req, readBody));
    if (!response) throw new Error('An upstream needs at least one response');
    response(req, res);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.requestTimeout = 0;
  const { port, connections, close } = await listening(server);
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port, requests, connections, close };
}

function received(req: IncomingMessage, readBody: boolean): ReceivedRequest {
  const { method = '', url = '', httpVersion, rawHeaders, headers } = req;
  const record: ReceivedRequest = {
    method,
    url,
    httpVersion,
    rawHeaders,
    headers,
    body: Buffer.alloc(0),
    bytes: 0,
    complete: false,
  };
  if (!readBody) return record;
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    record.bytes += chunk.length;
  });
  req.on('end', () => {
    record.body = Buffer.concat(chunks);
    record.complete = true;
  });
  return record;
}

/** Responds once the request is complete, with this status and no body. */
export function status(code: number, headers: Record<string, string | string[]> = {}): UpstreamResponse {
  return afterBody((res) => res.writeHead(code, headers).end());
}

/** Responds once the request is complete, with this value as JSON. */
export function json(value: unknown, code = 200): UpstreamResponse {
  return afterBody((res) => {
    const body = JSON.stringify(value);
    res.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    res.end(body);
  });
}

/** Responds once the request is complete, with this text. */
export function text(body: string, headers: Record<string, string | string[]> = {}): UpstreamResponse {
  return afterBody((res) => {
    res.writeHead(200, {
      'content-type': 'text/plain',
      'content-length': Buffer.byteLength(body),
      ...headers,
    });
    res.end(body);
  });
}

/** Accepts the request and never responds. */
export const silence: UpstreamResponse = () => {};

/** Closes the connection without a response once the request is complete. */
export const hangUp: UpstreamResponse = (req) => {
  req.on('end', () => req.socket.destroy());
};

function afterBody(response: (res: ServerResponse) => void): UpstreamResponse {
  return (req, res) => {
    req.on('end', () => response(res)).resume();
  };
}
