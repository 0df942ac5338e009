import { parseHttpDate } from '../../http/date.js';
import type { EntryMeta } from '../store/entry.js';
import { firstValue, joinedValue, type RawHeaders, withoutHeaders } from './headers.js';

const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

/** Fields that describe content a 304 does not carry; the client has them already (RFC 9110 §15.4.5). */
const CONTENT_FIELDS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
]);

/** What a client asked about its own copy; a cache asks about the stored one in its place. */
export const CLIENT_CONDITIONS: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  // A part could neither be stored nor freshen the whole.
  'range',
]);

/**
 * Whether a GET or HEAD is answered with 304 from a stored head: by `If-None-Match`, else by
 * `If-Modified-Since` (RFC 9110 §13.2.2). Only what would be answered 2xx is asked about (RFC 9110 §13.2.1).
 */
export function isNotModified(meta: EntryMeta, requestHeaders: RawHeaders, now: number): boolean {
  if (meta.status < 200 || meta.status > 299) return false;
  if (firstValue(requestHeaders, 'if-none-match') !== undefined) {
    return matchesEntityTag(joinedValue(requestHeaders, 'if-none-match') ?? '', meta.etag);
  }
  const since = firstValue(requestHeaders, 'if-modified-since');
  if (since === undefined || meta.lastModifiedMs === undefined) return false;
  const sinceMs = parseHttpDate(since, now);
  return sinceMs !== undefined && meta.lastModifiedMs <= sinceMs;
}

/** Weak comparison with a list of entity tags or `*` (RFC 9110 §8.8.3.2, §13.1.2). */
function matchesEntityTag(condition: string, etag: string | undefined): boolean {
  if (condition.trim() === '*') return true;
  if (etag === undefined) return false;
  // Equal text is the same tag, even where its writer forgot the quotes.
  if (condition === etag) return true;
  return condition.match(ENTITY_TAG)?.some((tag) => opaque(tag) === opaque(etag)) ?? false;
}

/** Whether two tags are equal but for their weakness (RFC 9110 §8.8.3.2). */
export function isSameTagWeakly(one: string, other: string): boolean {
  return opaque(one) === opaque(other);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

/** The fields of a 304 made from a stored head: all but those about content (RFC 9110 §15.4.5). */
export function notModifiedHeaders(rawHeaders: RawHeaders): string[] {
  return withoutHeaders(rawHeaders, CONTENT_FIELDS);
}

/**
 * The fields of a request that asks the upstream whether a stored answer is still good (RFC 9111 §4.3.1): the
 * client's, the ones the answer varies on among them, but with the stored validators as condition and for the
 * whole. Without a validator it asks for the answer anew.
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
