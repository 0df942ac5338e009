import type { EntryMeta } from '../store/entry.js';
import { type CacheControl, requestDirectives } from './cache-control.js';
import type { CachePolicy } from './cache-policy.js';
import { usability } from './freshness.js';
import type { RawHeaders } from './headers.js';
import { isCachedMethod } from './ttl-policy.js';
import { selectVariant } from './variants.js';

/** Why a call goes to the upstream, in the words of `Cache-Status` (RFC 9211 §2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale';

/** What a look-up means for a call. */
export type LookupDecision<Variant> =
  /** Send it. `stale` only where the client accepts that (`max-stale`). */
  | { readonly type: 'hit'; readonly variant: Variant; readonly stale: boolean }
  /** Send it stale, and have one call in the background bring it up to date. */
  | { readonly type: 'stale-while-revalidate'; readonly variant: Variant }
  /** Ask the upstream, with the stored validators where `conditional`. */
  | {
      readonly type: 'revalidate';
      readonly variant: Variant;
      readonly reason: 'stale' | 'request';
      readonly conditional: boolean;
      /** Until when the stored answer may stand in for an upstream that fails; 0 is never. */
      readonly usableOnErrorUntil: number;
    }
  /** Ask the upstream, and store its answer where allowed. */
  | { readonly type: 'miss'; readonly reason: 'uri-miss' | 'vary-miss' }
  /** Ask the upstream, and store nothing. */
  | { readonly type: 'forward'; readonly reason: 'method' | 'request' | 'bypass' }
  /** 504: the client wants no call to be made, and nothing stored may be used. */
  | { readonly type: 'only-if-cached'; readonly reason: 'uri-miss' | 'vary-miss' | 'stale' | 'request' };

/** A call as far as its look-up depends on it. */
export interface LookupRequest {
  readonly method: string;
  readonly rawHeaders: RawHeaders;
}

/**
 * What a call gets from the variants stored for its key (RFC 9111 §4). A plain hit compares two numbers; the
 * request's directives are parsed only where it has any.
 */
export function decideLookup<Variant extends { readonly meta: EntryMeta }>(
  variants: readonly Variant[],
  request: LookupRequest,
  policy: CachePolicy,
  now: number,
): LookupDecision<Variant> {
  if (!isCachedMethod(policy, request.method)) return { type: 'forward', reason: 'method' };
  const directives = requestDirectives(request.rawHeaders);
  const onlyIfCached = directives?.onlyIfCached ?? false;
  if (directives?.noStore) {
    // It could be answered from the store, but whoever says no-store means: as if there were none.
    return onlyIfCached
      ? { type: 'only-if-cached', reason: 'request' }
      : { type: 'forward', reason: 'request' };
  }
  const variant = selectVariant(variants, request.rawHeaders);
  if (variant === undefined) {
    const reason = variants.length === 0 ? 'uri-miss' : 'vary-miss';
    return { type: onlyIfCached ? 'only-if-cached' : 'miss', reason };
  }
  return decideUse(variant, policy.requestFreshness ? directives : undefined, onlyIfCached, now);
}

function decideUse<Variant extends { readonly meta: EntryMeta }>(
  variant: Variant,
  directives: CacheControl | undefined,
  onlyIfCached: boolean,
  now: number,
): LookupDecision<Variant> {
  const { meta } = variant;
  const use = usability(meta, directives, now);
  if (use === 'fresh' || use === 'stale-allowed') return { type: 'hit', variant, stale: use !== 'fresh' };
  if (use === 'stale-while-revalidate') return { type: 'stale-while-revalidate', variant };
  const reason = use === 'expired' ? 'stale' : 'request';
  if (onlyIfCached) return { type: 'only-if-cached', reason };
  return {
    type: 'revalidate',
    variant,
    reason,
    conditional: meta.revalidatable,
    usableOnErrorUntil: usableOnErrorUntil(meta, directives),
  };
}

/**
 * Until when a stored answer may be sent in place of an error (RFC 5861 §4). A client that says `no-cache` wants an
 * answer of the upstream or none; its own `stale-if-error` can make the window shorter only.
 */
function usableOnErrorUntil(meta: EntryMeta, directives: CacheControl | undefined): number {
  if (directives?.noCache) return 0;
  // Also where the client refused a fresh one: its age limit is a wish, and there is nothing better.
  const until = Math.max(meta.freshUntil, meta.staleIfErrorUntil);
  if (directives?.staleIfError === undefined) return until;
  return Math.min(until, meta.freshUntil + directives.staleIfError * 1000);
}
