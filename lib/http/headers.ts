/** Fields that belong to one connection and are never passed on (RFC 9110 §7.6.1). */
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

/** Name by which this proxy signs messages in `Via` (RFC 9110 §7.6.3). */
export const PSEUDONYM = 'resilient-proxy-out';

const PERSISTENCE = /^(keep-alive|close|te|upgrade|)$/;

/**
 * Names that the `Connection` fields of a message list beside the usual ones; `undefined` where there are
 * none, which is nearly always.
 */
export function connectionTokens(rawHeaders: readonly string[]): Set<string> | undefined {
  let tokens: Set<string> | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
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

/** First value of a field, by its lower-case name. */
export function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] ?? '';
    if (candidate.length === name.length && candidate.toLowerCase() === name) return rawHeaders[i + 1];
  }
  return undefined;
}

/** Fields by their lower-case names, as Node's own clients and servers take them; repeated ones as a list. */
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

/** Fields of an answer of which those set in front of us and the target's all hold. */
export const ADDED_UP: ReadonlySet<string> = new Set(['vary', 'set-cookie', 'via']);
