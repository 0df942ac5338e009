import { parseHttpDate } from '../../http/date.js';
import type { EntryMeta } from '../store/entry.js';
import type { CachePolicy } from './cache-policy.js';
import { isSameTagWeakly } from './conditional.js';
import { endToEndHeaders, firstValue, type RawHeaders, withoutHeaders } from './headers.js';
import { decideStore, type StoreDecision, type StoreRequest, type StoreResponse } from './storable.js';

/** They belong to the stored body, whatever a 304 says (RFC 9111 §3.2); age is reckoned anew. */
const NOT_UPDATED: ReadonlySet<string> = new Set([
  'age',
  'content-encoding',
  'content-length',
  'content-range',
]);
const SET_COOKIE: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2']);

/** A stored answer after a 304 from the upstream. */
export interface Freshened {
  /** Fields for the client that waited: updated, with cookies that are for this client alone. */
  readonly rawHeaders: string[];
  /** What to keep; `store: false` means that the stored answer is to be dropped. */
  readonly decision: StoreDecision;
}

/**
 * Whether a 304 that answers our own validators is about this stored answer (RFC 9111 §4.3.4). One without any
 * validator is: it can only mean the one we sent. One with another tag, or without a tag but with another date,
 * is about something else, and the answer has to be fetched anew.
 */
export function validates(meta: EntryMeta, rawHeaders: RawHeaders, now: number): boolean {
  const etag = firstValue(rawHeaders, 'etag');
  if (etag !== undefined && meta.etag !== undefined) return isSameTagWeakly(etag, meta.etag);
  const lastModified = firstValue(rawHeaders, 'last-modified');
  // The tag that we sent is what was confirmed; upstreams behind a balancer disagree about dates.
  if (lastModified === undefined || meta.etag !== undefined || meta.lastModifiedMs === undefined) return true;
  return parseHttpDate(lastModified, now) === meta.lastModifiedMs;
}

/** A stored answer brought up to date by a 304, its freshness begun anew (RFC 9111 §3.2, §4.3.4). */
export function freshen(
  meta: EntryMeta,
  request: StoreRequest,
  notModified: StoreResponse,
  policy: CachePolicy,
): Freshened {
  const rawHeaders = mergedHeaders(meta.rawHeaders, notModified);
  // A cookie set for one client is no reason to drop what all of them share.
  const shared = withoutHeaders(notModified.rawHeaders, SET_COOKIE);
  const kept = policy.storeSetCookie
    ? rawHeaders
    : mergedHeaders(meta.rawHeaders, { ...notModified, rawHeaders: shared });
  const decision = decideStore(
    // A HEAD may have asked; what is kept is the answer to a GET.
    { ...request, method: request.method === 'HEAD' ? 'GET' : request.method },
    { ...notModified, status: meta.status, statusText: meta.statusText, rawHeaders: kept },
    policy,
  );
  if (!decision.store) return { rawHeaders, decision };
  return { rawHeaders, decision: { store: true, meta: { ...decision.meta, bodyLength: meta.bodyLength } } };
}

/** Every field the 304 carries replaces the stored lines of its name, but for those about the stored body. */
function mergedHeaders(stored: RawHeaders, notModified: StoreResponse): string[] {
  const update = withoutHeaders(endToEndHeaders(notModified.rawHeaders), NOT_UPDATED);
  // The old Date would make the answer as old as it was before (RFC 9110 §6.6.1).
  if (firstValue(update, 'date') === undefined) {
    update.push('Date', new Date(notModified.responseTime).toUTCString());
  }
  const updated = new Set(update.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  return [...withoutHeaders(stored, updated), ...update];
}

/**
 * What a 200 to a HEAD means for the stored answer to GET (RFC 9111 §4.3.5): `update` it by {@link freshen}, or
 * hold it for `stale`, since its validators or its length say that it changed.
 */
export function headVerdict(meta: EntryMeta, rawHeaders: RawHeaders): 'update' | 'stale' {
  const changed = (name: string, stored: string | undefined): boolean => {
    const received = firstValue(rawHeaders, name);
    return received !== undefined && received !== stored;
  };
  const differs =
    changed('etag', meta.etag) ||
    changed('last-modified', meta.lastModified) ||
    changed('content-length', firstValue(meta.rawHeaders, 'content-length'));
  return differs ? 'stale' : 'update';
}
