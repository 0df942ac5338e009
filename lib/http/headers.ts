/** Headers that belong to one connection and are never forwarded (RFC 9110 §7.6.1). */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** The name of this proxy in `Via` (RFC 9110 §7.6.3). */
export const PSEUDONYM = 'resilient-proxy-out';

const PERSISTENCE = /^(keep-alive|close|te|upgrade|)$/;

/**
 * Names that the `Connection` headers of a message list beside the usual ones; `undefined` where there are none,
 * which is nearly always.
 */
export function connectionTokens(rawHeaders: readonly string[]): Set<string> | undefined {
  let tokens: Set<string> | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!isHeader(rawHeaders[i], 'connection')) continue;
    const value = rawHeaders[i + 1] ?? '';
    if (value === 'keep-alive' || value === 'close') continue;
    for (const part of value.toLowerCase().split(',')) {
      const token = part.trim();
      if (PERSISTENCE.test(token)) continue;
      tokens ??= new Set();
      tokens.add(token);
    }
  }
  return tokens;
}

/** The bit that makes a letter of ASCII a small one. */
const LOWER_CASE = 0x20;

/** Whether a received header name is `name`, which is in lower case. */
export function isHeader(received: string | undefined, name: string): boolean {
  // Length and first letter rule out nearly every header without allocating a string.
  if (received === undefined || received.length !== name.length) return false;
  if ((received.charCodeAt(0) | LOWER_CASE) !== (name.charCodeAt(0) | LOWER_CASE)) return false;
  return received === name || received.toLowerCase() === name;
}

/** The value of the first line of that name; `name` is in lower case. */
export function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (isHeader(rawHeaders[i], name)) return rawHeaders[i + 1];
  }
  return undefined;
}

/** Headers by their lower-case names, as Node's own clients and servers take them; repeated ones as a list. */
export function joinedHeaders(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

/** Response headers that are combined: those the application has set are kept beside the target's. */
export const ADDED_UP: ReadonlySet<string> = new Set(['vary', 'set-cookie', 'via']);
