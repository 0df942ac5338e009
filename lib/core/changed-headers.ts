import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import { ProxyError } from './errors.js';

/** How a message is framed, and whom it is for, is read by what came. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
]);

/** Headers of which Node takes the first line alone (https://nodejs.org/api/http.html#messageheaders). */
const FIRST_LINE_COUNTS: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-type',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/**
 * Takes over what a middleware in front has changed in `req.headers`: set, replaced or deleted. `rawHeaders`, by which
 * a call is decided and from which it is sent, then say the same, as http-proxy-middleware sends what is in `headers`:
 * a deleted `Authorization` must not go on.
 */
export function takeChangedHeaders(req: IncomingMessage): void {
  if (isUnchanged(req)) return;
  const { headers, rawHeaders } = req;
  // A stand-in for a request may have the list alone.
  if (Object.keys(headers).length === 0) return;
  const changed = changedOf(headers, linesByName(rawHeaders));
  if (changed.size === 0) return;
  for (const [name, values] of changed) if (!isValid(name, values)) refuse(req, name, changed);
  const lines = replacing(rawHeaders, changed);
  // Nobody can set the list of a request of HTTP/2.
  if (req.httpVersionMajor >= 2) req.rawHeaders.splice(0, req.rawHeaders.length, ...lines);
  else req.rawHeaders = lines;
}

/** Why a request cannot be sent: the application has set a header that HTTP does not allow. */
export const headerProblem = (req: IncomingMessage): ProxyError | undefined => (req as Marked)[PROBLEM];

const PROBLEM: unique symbol = Symbol('resilient-proxy-out.header-problem');

interface Marked {
  [PROBLEM]?: ProxyError;
}

function isValid(name: string, values: readonly string[]): boolean {
  try {
    validateHeaderName(name);
    for (const value of values) validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function refuse(req: IncomingMessage, name: string, changed: Map<string, readonly string[]>): void {
  changed.set(name, []);
  const message = `A middleware has set the request header ${JSON.stringify(name)} to what HTTP does not allow`;
  (req as Marked)[PROBLEM] = new ProxyError('ERR_INTERNAL', message);
}

/** Quick, and right where it says so; a header of several lines is looked at more closely. */
function isUnchanged({ headers, rawHeaders }: IncomingMessage): boolean {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (headers[rawHeaders[i]?.toLowerCase() ?? ''] !== rawHeaders[i + 1]) return false;
  return Object.keys(headers).length * 2 === rawHeaders.length;
}

function replacing(rawHeaders: readonly string[], changed: Map<string, readonly string[]>): string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    const values = changed.get(lower);
    if (!values) lines.push(name, rawHeaders[i + 1] ?? '');
    else {
      for (const value of values) lines.push(name, value);
      changed.set(lower, []);
    }
  }
  // Those that the client has not sent.
  for (const [lower, values] of changed) for (const value of values) lines.push(lower, value);
  return lines;
}

/** The lines that each changed header has now; none for one that is gone. */
function changedOf(
  headers: IncomingMessage['headers'],
  came: ReadonlyMap<string, readonly string[]>,
): Map<string, readonly string[]> {
  const changed = new Map<string, readonly string[]>();
  for (const lower of came.keys())
    if (!OF_THE_MESSAGE.has(lower) && !Object.hasOwn(headers, lower)) changed.set(lower, []);
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (OF_THE_MESSAGE.has(lower) || lower.startsWith(':')) continue;
    const lines = value === undefined ? [] : [value].flat().map(String);
    if (isSame(lower, lines, came.get(lower) ?? [])) changed.delete(lower);
    else changed.set(lower, lines);
  }
  return changed;
}

function linesByName(rawHeaders: readonly string[]): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]?.toLowerCase() ?? '';
    const known = lines.get(lower);
    if (known) known.push(rawHeaders[i + 1] ?? '');
    else lines.set(lower, [rawHeaders[i + 1] ?? '']);
  }
  return lines;
}

/** Whether that is what Node makes of the lines that came. */
function isSame(lower: string, now: readonly string[], came: readonly string[]): boolean {
  if (now.length === came.length) return now.every((line, i) => line === came[i]);
  const [line = ''] = now;
  if (now.length !== 1 || came.length === 0) return false;
  return (
    line === came.join(lower === 'cookie' ? '; ' : ', ') || (FIRST_LINE_COUNTS.has(lower) && line === came[0])
  );
}
