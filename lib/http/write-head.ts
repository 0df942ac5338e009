import type { ServerResponse } from 'node:http';
import { knownExchange } from '../core/exchange.js';
import { takesLists } from './takes-lists.js';

/**
 * Up to Node 20 a response that ever had a header set, even one removed again as Helmet does with `X-Powered-By`,
 * keeps only the last line of a name that is repeated in a flat list.
 */
const LOSES_REPEATED = Number.parseInt(process.versions.node, 10) < 22;

/**
 * Writes the head of a response from a flat list of headers, every line of it, beside the headers the application has
 * set before. Those of the list win, except for the names in `addedUp`, where both are sent.
 * @throws TypeError when the head holds what Node's response refuses to send
 */
export function writeHead(
  res: ServerResponse,
  status: number,
  statusText: string,
  rawHeaders: string[],
  addedUp: ReadonlySet<string>,
): void {
  addRequestId(res, rawHeaders);
  if (res.req.httpVersionMajor >= 2) {
    // It has no reason phrases (RFC 9113 §8.3.2), and of a list it keeps the last line of a name only.
    setHeaders(res, rawHeaders, addedUp);
    res.writeHead(status);
    return;
  }
  const plain = res.getHeaderNames().length === 0 && takesLists(res);
  if (plain && !(LOSES_REPEATED && repeatsName(rawHeaders))) {
    res.writeHead(status, statusText, rawHeaders);
    return;
  }
  setHeaders(res, rawHeaders, addedUp);
  res.writeHead(status, statusText);
}

/**
 * Sets every line of a flat list on a response. They replace the headers set before, except for the names in
 * `addedUp`.
 */
export function setHeaders(
  res: ServerResponse,
  rawHeaders: readonly string[],
  addedUp: ReadonlySet<string> = NONE,
): void {
  const seen = new Set(addedUp);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (seen.has(lower)) res.appendHeader(name, rawHeaders[i + 1] ?? '');
    else res.setHeader(name, rawHeaders[i + 1] ?? '');
    seen.add(lower);
  }
}

/**
 * Adds the call's `X-Request-Id` to the headers of its response. That of a target stays: it is what the target's support
 * asks for.
 */
export function addRequestId(res: ServerResponse, rawHeaders: string[]): void {
  const id = knownExchange(res.req)?.requestId;
  if (id === undefined || hasName(rawHeaders, 'x-request-id') || res.hasHeader('x-request-id')) return;
  rawHeaders.push('X-Request-Id', id);
}

function hasName(rawHeaders: readonly string[], lower: string): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === lower.length && name.toLowerCase() === lower) return true;
  }
  return false;
}

const NONE: ReadonlySet<string> = new Set();

function repeatsName(rawHeaders: readonly string[]): boolean {
  for (let i = 2; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    for (let j = 0; j < i; j += 2) {
      const other = rawHeaders[j] ?? '';
      if (other.length === name.length && other.toLowerCase() === name.toLowerCase()) return true;
    }
  }
  return false;
}
