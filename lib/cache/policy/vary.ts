import { hash } from 'node:crypto';
import { calledAuthority, ORIGIN_HEADERS } from '../../http/called-origin.js';
import type { Reaches } from '../../http/forwarded-headers.js';
import { headerValue } from '../../http/headers.js';
import { allValues, isToken, listedTokens, type RawHeaders, splitList } from './headers.js';

/** Names that a response may vary on; with a longer list it is not stored. */
export const MAX_VARY_NAMES = 32;

/** Values of these headers are kept readable, up to this length: none of them is a secret. */
const READABLE: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'content-type',
  'host',
  'origin',
  'prefer',
  'user-agent',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-requested-with',
]);
const MAX_READABLE_LENGTH = 128;

/**
 * Names that a response varies on, sorted, in lower case; empty where it has no `Vary` (RFC 9111 §4.1). `undefined`
 * where no request can match it again: `*` anywhere, a member that is not a header name, or more than {@link
 * MAX_VARY_NAMES}. What a response varies on without saying so is added; a header that does not reach the upstream is
 * left out.
 * @param requestHeaders of the request that it responds to
 */
export function varyNames(
  rawHeaders: RawHeaders,
  reaches: Reaches = () => true,
  requestHeaders: RawHeaders = [],
): string[] | undefined {
  const encoded = isEncoded(rawHeaders);
  const forOne = isForOneOrigin(rawHeaders);
  const linked = linksToCalled(rawHeaders, requestHeaders);
  if (!encoded && !forOne && !linked) {
    const lines = allValues(rawHeaders, 'vary');
    if (lines.length === 0) return [];
    const [name = ''] = lines;
    // By far the most common one.
    if (lines.length === 1 && name === 'Accept-Encoding')
      return reaches('accept-encoding') ? ['accept-encoding'] : [];
  }
  const names = new Set(listedTokens(rawHeaders, 'vary'));
  if (names.has('*') || names.size > MAX_VARY_NAMES) return undefined;
  if (encoded) names.add('accept-encoding');
  if (forOne) names.add('origin');
  if (![...names].every(isToken)) return undefined;
  const reaching = [...names].filter(reaches);
  // Our own links say where the client has called, whatever reaches the upstream.
  return [...new Set(linked ? [...reaching, ...ORIGIN_HEADERS] : reaching)].sort();
}

/** Whether a response varies on its client's address, which is in no header that the client has sent. */
export function variesOnAddress(rawHeaders: RawHeaders): boolean {
  return listedTokens(rawHeaders, 'vary').includes('x-forwarded-for');
}

/** Whether it links to the origin that it was called by: who calls by another one gets other links. */
function linksToCalled(rawHeaders: RawHeaders, requestHeaders: RawHeaders): boolean {
  const links = allValues(rawHeaders, 'link');
  if (links.length === 0) return false;
  const host = calledAuthority(requestHeaders);
  return host !== undefined && links.some((link) => link.includes(`://${host}/`));
}

/** A client that does not accept the coding cannot read it. */
function isEncoded(rawHeaders: RawHeaders): boolean {
  return listedTokens(rawHeaders, 'content-encoding').some((coding) => coding !== 'identity');
}

/** A browser refuses what is for another origin. */
function isForOneOrigin(rawHeaders: RawHeaders): boolean {
  const origin = headerValue(rawHeaders, 'access-control-allow-origin')?.trim();
  return origin !== undefined && origin !== '*';
}

/**
 * The values of a request's headers that a response varies on. Two requests match where it is equal: white space, the
 * number of lines and, where that changes no meaning, order and letter case do not count (RFC 9111 §4.1). Values that
 * may be secrets are included as digests.
 */
export function selectingKey(names: readonly string[], requestHeaders: RawHeaders): string {
  let key = '';
  for (const name of names) {
    const lines = allValues(requestHeaders, name);
    key += `${name}${lines.length === 0 ? '-' : keyValue(name, normalisedValue(name, lines))}\n`;
  }
  return key;
}

function keyValue(name: string, value: string): string {
  // An absent header matches only an absent one, so an empty value has a mark too.
  if (READABLE.has(name) && value.length <= MAX_READABLE_LENGTH && !value.includes('\n')) return `=${value}`;
  return `#${hash('sha256', value, 'base64url')}`;
}

/** The value of a selecting header, over all its lines, as it is compared. */
export function normalisedValue(name: string, lines: readonly string[]): string {
  switch (name) {
    case 'accept-encoding':
      return preferences(lines, contentCoding);
    case 'accept-language':
      return preferences(lines, (range) => range);
    case 'cookie':
      // Several lines are one list with semicolons (RFC 9113 §8.2.3), and a comma is part of a value.
      return lines.map((line) => line.trim()).join('; ');
    default:
      return splitList(lines.join(',')).join(',');
  }
}

function contentCoding(name: string): string {
  // Names that recipients should treat as equal (RFC 9110 §8.4.1).
  if (name === 'x-gzip') return 'gzip';
  return name === 'x-compress' ? 'compress' : name;
}

/** A list of weighted preferences: members in lower case, sorted, with their weights in the shortest form. */
function preferences(lines: readonly string[], canonical: (name: string) => string): string {
  const weights = new Map<string, string>();
  for (const member of lines.join(',').toLowerCase().split(',')) {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim());
    if (name === '' && parameters.length === 0) continue;
    const key = canonical(name);
    if (!weights.has(key)) weights.set(key, parameters.map(weight).join(''));
  }
  return [...weights]
    .filter(([name, suffix]) => !isRedundantRefusal(name, suffix, weights))
    .map(([name, suffix]) => name + suffix)
    .sort()
    .join(',');
}

/** `gzip;q=0` means the same as leaving gzip out, unless `*` would allow it or it is allowed by default. */
function isRedundantRefusal(name: string, suffix: string, weights: ReadonlyMap<string, string>): boolean {
  return suffix === ';q=0' && name !== 'identity' && !weights.has('*');
}

function weight(parameter: string): string {
  const match = /^q\s*=\s*([01](?:\.\d{0,3})?)$/.exec(parameter);
  if (!match) return `;${parameter}`;
  const value = Number(match[1]);
  return value === 1 ? '' : `;q=${value}`;
}
