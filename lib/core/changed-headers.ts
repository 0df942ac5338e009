import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { markCutHeaders } from './cut-headers.js';
import { ProxyError } from './errors.js';

/**
 * Headers that say how the message was read: whatever somebody makes of them afterwards, it has been read by these.
 * `Host` is taken from `req.headers` wherever it counts, and `__proto__` is no name of an object.
 */
const AS_READ: ReadonlySet<string> = new Set([
  '__proto__',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
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
 * @returns by their names in lower case those that it has changed; `undefined` if none
 */
export function takeChangedHeaders(req: IncomingMessage): ReadonlyMap<string, unknown> | undefined {
  const { headers, rawHeaders } = req;
  markCutHeaders(req);
  if (isUnchanged(headers, rawHeaders)) return undefined;
  const changed = changedOf(headers, linesByName(rawHeaders));
  if (changed.size === 0) return undefined;
  for (const [name, values] of changed) if (!isValid(name, values)) refuse(req, name, changed);
  const lines = replacing(rawHeaders, changed);
  // Nobody can set the list of a request of HTTP/2.
  if (req.httpVersionMajor >= 2) rawHeaders.splice(0, rawHeaders.length, ...lines);
  else {
    // Node makes them from the list when they are first read, by the length that it had when it came.
    Reflect.get(req, 'headersDistinct');
    req.rawHeaders = lines;
  }
  return changed;
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

/**
 * What Node has made of a list is in the order of the list, so nothing has to be looked up; a name of several lines is
 * looked at more closely.
 */
function isUnchanged(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): boolean {
  let i = 0;
  for (const name in headers) {
    // A pseudo-header of HTTP/2.
    if (name.charCodeAt(0) === COLON) continue;
    if (headers[name] !== rawHeaders[i + 1] || !isName(rawHeaders[i], name)) {
      // That of HTTP/2 may come from a pseudo-header, and is not in the list then.
      if (name === 'host') continue;
      return false;
    }
    i += 2;
  }
  // Nobody deletes all of them: a stand-in for a request may have the list alone.
  return i === 0 || i >= rawHeaders.length;
}

const COLON = 0x3a;

function isName(name: string | undefined, lower: string): boolean {
  return name === lower || (name?.length === lower.length && name.toLowerCase() === lower);
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
  headers: IncomingHttpHeaders,
  came: ReadonlyMap<string, readonly string[]>,
): Map<string, readonly string[]> {
  const changed = new Map<string, readonly string[]>();
  for (const lower of came.keys())
    if (!AS_READ.has(lower) && !Object.hasOwn(headers, lower)) changed.set(lower, []);
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (AS_READ.has(lower) || lower.startsWith(':')) continue;
    const lines = value === undefined || value === null ? [] : [value].flat().map(String);
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
