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
import { holdsReferences, leadingBack } from './references.js';

/** What decides how the client's response is framed. */
interface Client {
  readonly req: Pick<IncomingMessage, 'method' | 'httpVersion'>;
  readonly res: Pick<ServerResponse, 'hasHeader'>;
}

const VIA = `1.1 ${PSEUDONYM}`;

/** What else decides about the headers of a response. */
export interface ResponseFacts extends Partial<ResponseRules> {
  readonly status: number;
  readonly setCookie: boolean;
  /** What was sent; by default what the client has sent. */
  readonly sent?: Plan;
}

/** The options that decide about the headers of all responses. */
export interface ResponseRules {
  /** Whether `Set-Cookie` is passed to the client. */
  readonly setCookie: boolean;
  /** Whether references of the target to itself are changed, so that they lead through the proxy. */
  readonly rewriteLocation: boolean;
}

/** The headers of a response for the client, flat: no hop-by-hop ones, repeated ones kept, `Via` added. */
export function responseHeaders(
  rawHeaders: readonly string[],
  client: Client,
  { status, setCookie, sent, rewriteLocation = false }: ResponseFacts,
): string[] {
  const bare = lacksBody(client.req, sent);
  const rewritten = rewriteLocation ? sent : undefined;
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
    const value = rawHeaders[i + 1] ?? '';
    headers.push(name, rewritten && holdsReferences(lower) ? leadingBack(lower, value, rewritten) : value);
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

/**
 * What a trailer may not say (RFC 9110 §6.5.1): how the message is framed, routed and coded, who may have it, and how
 * it is to be handled. Whoever merges trailers into the headers would take it for said by the head.
 */
const HEAD_ONLY = new RegExp(
  [
    'content-(?:encoding|length|range|type)|host|trailer',
    '(?:www-authenticate|authorization|authentication-info|proxy-authentication-info|set-cookie2?|cookie)',
    'age|cache-control|cdn-cache-control|date|expires|location|retry-after|vary|warning|via',
    'max-forwards|expect|range|if-.+|strict-transport-security|access-control-.+|clear-site-data',
  ]
    .map((names) => `^(?:${names})$`)
    .join('|'),
);

/**
 * The trailers for the client: none of those that a head alone may have, none that its `Connection` names, none that
 * Node's response refuses.
 * @param rawHeaders of the head
 */
export function sendableTrailers(
  rawTrailers: readonly string[],
  rawHeaders: readonly string[],
): [name: string, value: string][] {
  const tokens = connectionTokens(rawHeaders);
  const trailers: [string, string][] = [];
  for (let i = 0; i + 1 < rawTrailers.length; i += 2) {
    const name = rawTrailers[i] ?? '';
    const value = rawTrailers[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || tokens?.has(lower) || HEAD_ONLY.test(lower)) continue;
    if (isSendable(name, value)) trailers.push([name, value]);
  }
  return trailers;
}

/**
 * The headers of an interim response for the client: without a length, which it has not (RFC 9110 §8.6), without
 * hop-by-hop ones, and without cookies, which no client takes from it.
 * @param rewritten given if references of the target to itself are changed
 */
export function interimHeaders(rawHeaders: readonly string[], rewritten: Plan | undefined): string[] {
  const tokens = connectionTokens(rawHeaders);
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || tokens?.has(lower) || NOT_INTERIM.has(lower)) continue;
    if (!isSendable(name, value)) continue;
    headers.push(name, rewritten && holdsReferences(lower) ? leadingBack(lower, value, rewritten) : value);
  }
  return headers;
}

const NOT_INTERIM: ReadonlySet<string> = new Set(['content-length', 'set-cookie', 'trailer']);

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
  // Of its final length at once: this is done for every response, and a list that grows is copied.
  const headers = new Array<string>(raw.length);
  for (let i = 0; i < raw.length; i++) {
    const item: unknown = raw[i];
    headers[i] = Buffer.isBuffer(item) ? item.toString('latin1') : String(item);
  }
  return headers;
}
