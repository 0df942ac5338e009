import { connectionTokens, HOP_BY_HOP, headerValue, isHeader } from '../../http/headers.js';

/** Header lines as Node's `rawHeaders` has them: name, value, name, value; names in any letter case. */
export type RawHeaders = readonly string[];

/** Headers that are never stored (RFC 9111 §3.1): those of one connection or proxy, and `Trailer`: trailers are not kept. */
export const NOT_END_TO_END: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'proxy-authentication-info',
  'trailer',
]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether a string is a `token` (RFC 9110 §5.6.2), as every header name has to be. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The values of all lines of that name, in order; `name` is in lower case. */
export function allValues(rawHeaders: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isHeader(rawHeaders[i], name)) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** All lines of that name as one list value (RFC 9110 §5.3); `undefined` where there is none. */
export function joinedValue(rawHeaders: RawHeaders, name: string): string | undefined {
  const values = allValues(rawHeaders, name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** The members of a list of tokens over all its lines, in lower case; empty members are left out. */
export function listedTokens(rawHeaders: RawHeaders, name: string): string[] {
  if (headerValue(rawHeaders, name) === undefined) return [];
  return allValues(rawHeaders, name)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/**
 * The members of a list value, trimmed, split at commas outside quoted strings (RFC 9110 §5.6.1). A quote that
 * is never closed is no quoted string: what follows it is split as well, so that a `no-store` there still counts.
 */
export function splitList(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quotes = true;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (char === '"' && quotes) {
      const close = closingQuote(value, i);
      // Looked for once only: a value full of escaped quotes would be read to its end for each of them.
      quotes = close !== undefined;
      i = close ?? i;
    }
    if (char === ',') {
      members.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  members.push(value.slice(start).trim());
  return members;
}

/** Index of the quote that ends the quoted string which begins at `open`. */
export function closingQuote(text: string, open: number): number | undefined {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return undefined;
}

/** The headers without those whose lower-case name is in `names`. */
export function withoutHeaders(rawHeaders: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}

/** The end-to-end headers: neither hop-by-hop nor listed by `Connection`. */
export function endToEndHeaders(rawHeaders: RawHeaders): string[] {
  const listed = connectionTokens(rawHeaders);
  return withoutHeaders(rawHeaders, listed ? new Set([...NOT_END_TO_END, ...listed]) : NOT_END_TO_END);
}
