import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import type { EntryMeta } from '../store/entry.js';
import type { CachePolicy } from './cache-policy.js';
import { isSameTagWeakly } from './conditional.js';
import { wallTimeOf } from './freshness.js';
import { endToEndHeaders, type RawHeaders, withoutHeaders } from './headers.js';
import { decideStore, type StoreDecision, type StoreRequest, type StoreResponse } from './storable.js';

/** They describe the stored body, whatever a 304 says (RFC 9111 §3.2); age is computed anew. */
const NOT_UPDATED: ReadonlySet<string> = new Set([
  'age',
  'content-encoding',
  'content-length',
  'content-range',
]);
const SET_COOKIE: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2']);

/** A stored response after a 304 from the upstream. */
export interface Freshened {
  /** Headers for the client that waited: updated, with cookies that are for this client alone. */
  readonly rawHeaders: string[];
  /** What to store; `store: false` means that the stored response must be removed. */
  readonly decision: StoreDecision;
}

/**
 * Whether a 304 to our own validators is about this stored response (RFC 9111 §4.3.4). One without any validator is:
 * it can only mean the one we sent. One with another tag, or without a tag but with another date, is about something
 * else, and the response has to be fetched anew.
 */
export function validates(meta: EntryMeta, rawHeaders: RawHeaders, now: number): boolean {
  const etag = headerValue(rawHeaders, 'etag');
  if (etag !== undefined && meta.etag !== undefined) return isSameTagWeakly(etag, meta.etag);
  const lastModified = headerValue(rawHeaders, 'last-modified');
  // The tag that we sent was confirmed; upstreams behind a load balancer disagree about dates.
  if (lastModified === undefined || meta.etag !== undefined || meta.lastModifiedMs === undefined) return true;
  return parseHttpDate(lastModified, now) === meta.lastModifiedMs;
}

/** A stored response updated by a 304, with its freshness restarted (RFC 9111 §3.2, §4.3.4). */
export function freshen(
  meta: EntryMeta,
  request: StoreRequest,
  notModified: StoreResponse,
  policy: CachePolicy,
): Freshened {
  const rawHeaders = mergedHeaders(meta.rawHeaders, notModified);
  // A cookie set for one client is no reason to remove what all of them share.
  const shared = withoutHeaders(notModified.rawHeaders, SET_COOKIE);
  const kept =
    policy.setCookie === 'store'
      ? rawHeaders
      : mergedHeaders(meta.rawHeaders, { ...notModified, rawHeaders: shared });
  const decision = decideStore(
    // The request may be a HEAD; what is stored is the response to a GET.
    { ...request, method: request.method === 'HEAD' ? 'GET' : request.method },
    { ...notModified, status: meta.status, statusText: meta.statusText, rawHeaders: kept },
    policy,
  );
  if (!decision.store) return { rawHeaders, decision };
  return { rawHeaders, decision: { store: true, meta: { ...decision.meta, bodyLength: meta.bodyLength } } };
}

/** Every header of the 304 replaces the stored lines of its name, except those about the stored body. */
function mergedHeaders(stored: RawHeaders, notModified: StoreResponse): string[] {
  const update = withoutHeaders(endToEndHeaders(notModified.rawHeaders), NOT_UPDATED);
  // The old Date would make the response as old as it was before (RFC 9110 §6.6.1).
  if (headerValue(update, 'date') === undefined) {
    update.push('Date', new Date(wallTimeOf(notModified)).toUTCString());
  }
  const updated = new Set(update.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  return [...withoutHeaders(stored, updated), ...update];
}

/**
 * What a 200 to a HEAD means for the stored response to GET (RFC 9111 §4.3.5): `update` it by {@link freshen}, or
 * treat it as `stale`, since its validators or its length show that it changed.
 */
export function headVerdict(meta: EntryMeta, rawHeaders: RawHeaders): 'update' | 'stale' {
  const changed = (name: string, stored: string | undefined): boolean => {
    const received = headerValue(rawHeaders, name);
    return received !== undefined && received !== stored;
  };
  const differs =
    changed('etag', meta.etag) ||
    changed('last-modified', meta.lastModified) ||
    changed('content-length', headerValue(meta.rawHeaders, 'content-length'));
  return differs ? 'stale' : 'update';
}
