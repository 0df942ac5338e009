import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import type { EntryMeta } from '../store/entry.js';
import { joinedValue, type RawHeaders, withoutHeaders } from './headers.js';

const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

/** Headers that describe content a 304 does not carry; the client has them already (RFC 9110 §15.4.5). */
const CONTENT_HEADERS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
]);

/** Conditions on the client's own copy; the cache sends conditions on the stored one instead. */
export const CLIENT_CONDITIONS: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  // A partial response could neither be stored nor update the complete one.
  'range',
]);

/**
 * Whether a GET or HEAD is answered with 304 from a stored head: by `If-None-Match`, else by `If-Modified-Since` (RFC
 * 9110 §13.2.2). Conditions apply only where the response would be 2xx (RFC 9110 §13.2.1).
 */
export function isNotModified(meta: EntryMeta, requestHeaders: RawHeaders, now: number): boolean {
  if (meta.status < 200 || meta.status > 299) return false;
  if (headerValue(requestHeaders, 'if-none-match') !== undefined) {
    return matchesEntityTag(joinedValue(requestHeaders, 'if-none-match') ?? '', meta.etag);
  }
  const since = headerValue(requestHeaders, 'if-modified-since');
  if (since === undefined || meta.lastModifiedMs === undefined) return false;
  const sinceMs = parseHttpDate(since, now);
  return sinceMs !== undefined && meta.lastModifiedMs <= sinceMs;
}

/** Weak comparison with a list of entity tags or `*` (RFC 9110 §8.8.3.2, §13.1.2). */
function matchesEntityTag(condition: string, etag: string | undefined): boolean {
  if (condition.trim() === '*') return true;
  if (etag === undefined) return false;
  // Equal text is the same tag, even if its sender forgot the quotes.
  if (condition === etag) return true;
  return condition.match(ENTITY_TAG)?.some((tag) => opaque(tag) === opaque(etag)) ?? false;
}

/** Whether two tags are equal, disregarding weakness (RFC 9110 §8.8.3.2). */
export function isSameTagWeakly(one: string, other: string): boolean {
  return opaque(one) === opaque(other);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

/** The headers of a 304 made from a stored head: all but those about content (RFC 9110 §15.4.5). */
export function notModifiedHeaders(rawHeaders: RawHeaders): string[] {
  return withoutHeaders(rawHeaders, CONTENT_HEADERS);
}

/**
 * The headers of a request that revalidates a stored response (RFC 9111 §4.3.1): the client's, including those the
 * response varies on, with the stored validators as condition and without a range. Without a validator it is an
 * unconditional request.
 */
export function revalidationHeaders(meta: EntryMeta, requestHeaders: RawHeaders): string[] {
  const headers = withoutHeaders(requestHeaders, CLIENT_CONDITIONS);
  if (!meta.revalidatable) return headers;
  if (meta.etag !== undefined) headers.push('If-None-Match', meta.etag);
  if (meta.lastModified !== undefined && meta.lastModifiedMs !== undefined) {
    headers.push('If-Modified-Since', meta.lastModified);
  }
  return headers;
}
