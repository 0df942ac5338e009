import type { CachePolicy } from '../../../../lib/cache/policy/cache-policy.js';
import {
  decideStore,
  type NotStoredReason,
  type StoreRequest,
  type StoreResponse,
  sealEntry,
} from '../../../../lib/cache/policy/storable.js';
import type { EntryMeta } from '../../../../lib/cache/store/entry.js';

/** The time at which the responses of these tests arrive: a whole second. */
export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

export const SECOND = 1000;

/** A policy without any stale window of its own. */
export function policy(changes: Partial<CachePolicy> = {}): CachePolicy {
  return {
    mode: 'standard',
    ttlMs: 60 * SECOND,
    methods: new Set(['GET']),
    statuses: undefined,
    override: false,
    setCookie: 'bypass',
    storeEventStreams: false,
    omitHeaders: new Set(),
    reaches: () => true,
    requestFreshness: true,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    keepForValidationMs: 3600 * SECOND,
    ...changes,
  };
}

/** An HTTP date this many seconds from {@link NOW}. */
export function date(seconds: number): string {
  return new Date(NOW + seconds * SECOND).toUTCString();
}

/** A 200 with `Date: NOW`, requested and received at {@link NOW}. */
export function response(
  headers: Readonly<Record<string, string>>,
  changes: Partial<StoreResponse> = {},
): StoreResponse {
  const lines = Object.entries({ Date: date(0), ...headers }).flat();
  return {
    status: 200,
    statusText: 'OK',
    rawHeaders: lines,
    requestTime: NOW,
    responseTime: NOW,
    ...changes,
  };
}

export function get(rawHeaders: readonly string[] = []): StoreRequest {
  return { method: 'GET', rawHeaders, targetUri: 'http://origin.test/path' };
}

/** The stored form of a response with a body of ten bytes; fails the test where it is not stored. */
export function stored(
  headers: Readonly<Record<string, string>>,
  changes: Partial<StoreResponse> = {},
  using: Partial<CachePolicy> = {},
  request: StoreRequest = get(),
): EntryMeta {
  const decision = decideStore(request, response(headers, changes), policy(using));
  if (!decision.store) throw new Error(`not stored: ${decision.reason}`);
  const meta = sealEntry(decision.meta, 10);
  if (!meta) throw new Error('not sealed');
  return meta;
}

/** Why a response is not stored; `undefined` where it is. */
export function refusal(
  headers: Readonly<Record<string, string>>,
  changes: Partial<StoreResponse> = {},
  using: Partial<CachePolicy> = {},
  request: StoreRequest = get(),
): NotStoredReason | undefined {
  const decision = decideStore(request, response(headers, changes), policy(using));
  return decision.store ? undefined : decision.reason;
}
