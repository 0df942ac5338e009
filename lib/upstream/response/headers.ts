import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isSendable } from '../../http/head-problem.js';
import {
  ADDED_UP,
  connectionTokens,
  HOP_BY_HOP,
  headerValue,
  joinedHeaders,
  PSEUDONYM,
} from '../../http/headers.js';
import type { Plan } from '../transport.js';

/** What decides how the client's response is framed. */
interface Client {
  readonly req: Pick<IncomingMessage, 'method' | 'httpVersion'>;
  readonly res: Pick<ServerResponse, 'hasHeader'>;
}

const VIA = `1.1 ${PSEUDONYM}`;

/** What else decides about the headers of a response. */
export interface ResponseFacts {
  readonly status: number;
  readonly setCookie: boolean;
  /** What was sent; by default what the client has sent. */
  readonly sent?: Pick<Plan, 'method'>;
}

/** The headers of a response for the client, flat: no hop-by-hop ones, repeated ones kept, `Via` added. */
export function responseHeaders(
  rawHeaders: readonly string[],
  client: Client,
  { status, setCookie, sent }: ResponseFacts,
): string[] {
  const bare = lacksBody(client.req, sent);
  const tokens = connectionTokens(rawHeaders);
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || tokens?.has(lower)) continue;
    if (lower === 'set-cookie' && !setCookie) continue;
    // RFC 9110 §8.6: a 204 has no Content-Length, and some clients wait for the bytes it announces.
    if (lower === 'content-length' && (status === 204 || bare)) continue;
    if (lower === 'trailer' && (bare || !chunked(client, status, rawHeaders))) continue;
    headers.push(name, rawHeaders[i + 1] ?? '');
  }
  headers.push('via', VIA);
  return headers;
}

/** Whether a client that has not sent HEAD gets the response to one, whose length is not that of a body (RFC 9110 §9.3.2). */
function lacksBody({ method }: Pick<IncomingMessage, 'method'>, sent: ResponseFacts['sent']): boolean {
  return sent?.method === 'HEAD' && method !== 'HEAD';
}

/** Whether Node sends the body in chunks: it announces trailers behind nothing else, and throws where it is to. */
function chunked({ req, res }: Client, status: number, rawHeaders: readonly string[]): boolean {
  const withoutBody = req.method === 'HEAD' || status === 204 || status === 304 || status < 200;
  if (withoutBody || req.httpVersion === '1.0') return false;
  return headerValue(rawHeaders, 'content-length') === undefined && !res.hasHeader('content-length');
}

/** The trailers that Node's response does not refuse. */
export function sendableTrailers(rawTrailers: readonly string[]): [name: string, value: string][] {
  const trailers: [string, string][] = [];
  for (let i = 0; i + 1 < rawTrailers.length; i += 2) {
    const name = rawTrailers[i] ?? '';
    const value = rawTrailers[i + 1] ?? '';
    if (isSendable(name, value)) trailers.push([name, value]);
  }
  return trailers;
}

/**
 * Headers of a response for httpxy, which sets them one by one: an array keeps repeated lines apart, and keeps those
 * that were set before.
 */
export function besideHeaders(res: ServerResponse, rawHeaders: readonly string[]): IncomingHttpHeaders {
  const headers = joinedHeaders(rawHeaders);
  for (const name of ADDED_UP) {
    const before = res.getHeader(name);
    const value = headers[name];
    if (before !== undefined && value !== undefined)
      headers[name] = [typeof before === 'number' ? String(before) : before, value].flat();
  }
  return headers;
}

/** Converts a parser's raw bytes to strings as Node does: one character per byte. */
export function latin1Headers(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  const headers: string[] = [];
  for (const item of raw) headers.push(Buffer.isBuffer(item) ? item.toString('latin1') : String(item));
  return headers;
}
