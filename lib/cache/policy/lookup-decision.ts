import type { EntryMeta } from '../store/entry.js';
import { type CacheControl, requestDirectives } from './cache-control.js';
import type { CachePolicy } from './cache-policy.js';
import { usability } from './freshness.js';
import type { RawHeaders } from './headers.js';
import { isCachedMethod } from './ttl-policy.js';
import { selectVariant } from './variants.js';

/** Why a request is forwarded, in the terms of `Cache-Status` (RFC 9211 §2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale';

/** The outcome of a look-up. */
export type LookupDecision<Variant> =
  /** Send it; `stale` only where the client accepts that (`max-stale`). */
  | { readonly type: 'hit'; readonly variant: Variant; readonly stale: boolean }
  /** Send it stale, and renew it in the background. */
  | { readonly type: 'stale-while-revalidate'; readonly variant: Variant }
  /** Revalidate it, with the stored validators where `conditional`. */
  | {
      readonly type: 'revalidate';
      readonly variant: Variant;
      readonly reason: 'stale' | 'request';
      readonly conditional: boolean;
      /** Until when the stored response may be sent in place of a failure of the upstream; 0 is never. */
      readonly usableOnErrorUntil: number;
    }
  /** Request it from the upstream, and store the response where allowed. */
  | { readonly type: 'miss'; readonly reason: 'uri-miss' | 'vary-miss' }
  /** Request it from the upstream, and store nothing. */
  | { readonly type: 'forward'; readonly reason: 'method' | 'request' | 'bypass' }
  /** 504: the client wants no request to the upstream, and nothing stored may be used. */
  | { readonly type: 'only-if-cached'; readonly reason: 'uri-miss' | 'vary-miss' | 'stale' | 'request' };

/** The parts of a request that its look-up depends on. */
export interface LookupRequest {
  readonly method: string;
  readonly rawHeaders: RawHeaders;
}

/**
 * What a request gets from the variants stored for its key (RFC 9111 §4). A plain hit compares two numbers;
 * directives are parsed only where the request has any.
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
    // RFC 9111 would allow a stored response here, but a client that sends no-store expects an uncached one.
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
 * Until when a stored response may be sent in place of an error (RFC 5861 §4). A client that sends `no-cache` wants a
 * response of the upstream or none; its own `stale-if-error` can only shorten the window.
 */
function usableOnErrorUntil(meta: EntryMeta, directives: CacheControl | undefined): number {
  if (directives?.noCache) return 0;
  // Also where the client refused a fresh one: its age limit is a preference, and there is nothing better.
  const until = Math.max(meta.freshUntil, meta.staleIfErrorUntil);
  if (directives?.staleIfError === undefined) return until;
  return Math.min(until, meta.freshUntil + directives.staleIfError * 1000);
}
