import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** A value of a header as middlewares write it: Node takes numbers too. */
type Value = string | readonly string[] | number | null | undefined;

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

/**
 * Makes `req.rawHeaders` say what a middleware in front has made of `req.headers`, which is where Express' middlewares
 * set, replace and delete headers: what was deleted there must not reach the target, and what decides about a call must
 * be what the target sees.
 */
export function takeChangedHeaders(req: IncomingMessage): void {
  const { headers, rawHeaders } = req;
  if (!isChanged(headers, rawHeaders)) return;
  const lines = linesOf(headers, rawHeaders);
  const pairs = rawHeaders.length - (rawHeaders.length % 2);
  if (lines.length === pairs && lines.every((text, i) => text === rawHeaders[i])) return;
  // Nobody can set the list of such a request.
  if (req.httpVersionMajor >= 2) rawHeaders.splice(0, rawHeaders.length, ...lines);
  else {
    // Node makes the values that it keeps apart from the list when they are first read, by its length then.
    Reflect.get(req, 'headersDistinct');
    req.rawHeaders = lines;
  }
}

/**
 * Whether it may be so. What Node has made of a list is in the order of the list, so nothing has to be looked up;
 * a name that is repeated looks like a change.
 */
function isChanged(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): boolean {
  let i = 0;
  for (const name in headers) {
    if (name.charCodeAt(0) === COLON) continue;
    if (headers[name] !== rawHeaders[i + 1] || !isName(rawHeaders[i], name)) {
      // That of HTTP/2 may be a pseudo-header, and is not in the list then.
      if (name === 'host') continue;
      return true;
    }
    i += 2;
  }
  // Nobody deletes all of them: those of a request that was made by hand were never read.
  return i > 0 && i < rawHeaders.length;
}

const COLON = 0x3a;

function isName(name: string | undefined, lower: string): boolean {
  if (name === lower) return true;
  if (name?.length !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const code = name.charCodeAt(i);
    if (code !== lower.charCodeAt(i) && (code < 0x41 || code > 0x5a || code + 0x20 !== lower.charCodeAt(i)))
      return false;
  }
  return true;
}

function linesOf(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): string[] {
  const received = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const lower = (rawHeaders[i] ?? '').toLowerCase();
    const values = received.get(lower);
    if (values) values.push(rawHeaders[i + 1] ?? '');
    else received.set(lower, [rawHeaders[i + 1] ?? '']);
  }
  const given = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of Object.entries(headers as Record<string, Value>)) {
    const lower = name.toLowerCase();
    if (lower.startsWith(':') || AS_READ.has(lower)) continue;
    const values = received.get(lower);
    // In another letter case it stands beside the one that Node has read, and is the later word.
    if (values && name === lower && says(values, value)) continue;
    given.set(lower, { name, values: valuesOf(value) });
  }
  const lines: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    const changed = given.get(lower);
    if (changed) {
      for (const value of changed.values) lines.push(name, value);
      changed.values = [];
    } else if (AS_READ.has(lower) || headers[lower] !== undefined) lines.push(name, rawHeaders[i + 1] ?? '');
  }
  for (const { name, values } of given.values()) for (const value of values) lines.push(name, value);
  return lines;
}

/** Whether it is what Node makes of these lines, with and without its option `joinDuplicateHeaders`. */
function says(lines: readonly string[], value: Value): boolean {
  if (Array.isArray(value)) return value.join('\n') === lines.join('\n');
  return lines.includes(String(value)) || value === lines.join(', ') || value === lines.join('; ');
}

function valuesOf(value: Value): string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}
