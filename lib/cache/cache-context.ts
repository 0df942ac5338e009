import type { IncomingMessage } from 'node:http';
import type { Closing } from '../core/closing.js';
import type { Reaches } from '../http/forwarded-headers.js';
import type { ResolvedCache } from './cache-options.js';
import { type CacheStatus, statusMember } from './cache-status.js';
import type { Fills } from './fills.js';
import type { Flights } from './flights.js';
import type { OtherCaches } from './other-caches.js';
import type { CachePolicy } from './policy/cache-policy.js';
import type { CacheKeys } from './policy/key.js';
import type { RetryPauses } from './policy/retry-pauses.js';
import type { NotStoredReason } from './policy/storable.js';
import { concernedBy } from './store/concerned-by.js';
import type { StoredVariant } from './store/entry.js';
import type { PendingPurges } from './store/pending-purges.js';
import type { CacheStore, PurgeTarget, StoredUnder } from './store/store.js';

/** What a cache knows about where it is mounted. */
export interface CacheSite {
  /** The caches of other processes, where these do not share their store. */
  readonly others?: OtherCaches | undefined;
  /** Path and query of the requested resource. */
  url(req: IncomingMessage): string;
  /** Absolute URI of the request, as the upstream sees it. */
  targetUri(req: IncomingMessage, url: string): string;
  /** The path that clients use for a path of the upstream. */
  clientPath(path: string): string;
  /** What handlers are told about the resource besides that, where it differs. */
  rewritten(req: IncomingMessage): string | undefined;
  /** The request came over TLS, and handlers may make a difference of it. */
  isEncrypted(req: IncomingMessage): boolean;
  /** Digest of the client's certificate, where it has shown one and handlers may know it by that. */
  certificate(req: IncomingMessage): string | undefined;
  /** Headers that are injected into each request: name, value, name, value. */
  readonly injectedHeaders: readonly string[];
  /** Whether a client's header, its name in lower case, reaches whoever makes the response. */
  readonly reaches: Reaches;
  /** Whether the authority that a client names does. */
  readonly namesHost: boolean;
  /** Each request is sent on with the address of its client in `X-Forwarded-For`. */
  readonly addsAddress: boolean;
  /** Whoever makes the response chooses by any header of the request. */
  readonly readsAll: boolean;
  /** Nobody changes the memory of a chunk after it was written to the response. */
  readonly ownsBytes: boolean;
  /** What makes it another cache although the name is the same: where requests go, and how they are rewritten. */
  readonly identity: string;
}

/** Counters since the cache was created. */
export interface CacheTally {
  hits: number;
  misses: number;
  stale: number;
  revalidated: number;
  coalesced: number;
  bypassed: number;
  errors: number;
  /** Responses that were not stored, by reason. */
  notStored: Map<NotStoredReason, number>;
}

/** What all requests through one cache share. */
export interface CacheContext {
  readonly options: ResolvedCache;
  /** Its name in `Cache-Status`, as the header has it; `undefined` where it is turned off. */
  readonly statusName: string | undefined;
  readonly policy: CachePolicy;
  readonly keys: CacheKeys;
  readonly store: CacheStore;
  readonly flights: Flights;
  readonly purges: PendingPurges;
  readonly pauses: RetryPauses;
  readonly fills: Fills;
  readonly site: CacheSite;
  readonly tally: CacheTally;
  /** Whether it is closed: nothing is fetched and nothing stored any more. */
  readonly closing: Closing;
  /** Epoch milliseconds that never go back: freshness is not affected by corrections of the clock. */
  now(): number;
  /** Epoch milliseconds by the time of day. */
  wall(): number;
}

/** Counters that have counted nothing yet. */
export const newTally = (): CacheTally => ({
  hits: 0,
  misses: 0,
  stale: 0,
  revalidated: 0,
  coalesced: 0,
  bypassed: 0,
  errors: 0,
  notStored: new Map(),
});

/** Value of `Cache-Status`; `undefined` where it is turned off. */
export function statusOf({ statusName }: CacheContext, status: CacheStatus): string | undefined {
  return statusName === undefined ? undefined : statusMember(statusName, status);
}

/** What is stored for a key, unless a purge is removing it. */
export function read(context: CacheContext, key: string): Found | Promise<Found> {
  return unlessPurged(context, key, context.store.get(key));
}

/** The same, past what this process has kept of it: another one may have stored something newer. */
export function readAnew(context: CacheContext, key: string): Found | Promise<Found> {
  const { store } = context;
  return unlessPurged(context, key, store.getAnew ? store.getAnew(key) : store.get(key));
}

type Found = readonly StoredVariant[] | undefined;

function unlessPurged(
  { purges }: CacheContext,
  key: string,
  known: Found | Promise<Found>,
): Found | Promise<Found> {
  if (!(known instanceof Promise)) return known;
  const mark = purges.mark();
  return known.then((variants) => (purges.overtook(key, mark) ? undefined : variants));
}

/** Stores the variants of a key, after any pending purge that would remove them again. */
export function keep(context: CacheContext, key: string, variants: readonly StoredVariant[]): void {
  const { store, keys, purges, closing } = context;
  if (closing.begun) return;
  purges.after(key, () => store.set(key, variants, storedUnder(keys.apiPrefix, variants)));
}

/**
 * Removes values from the store, and keeps responses in flight for the same keys from being stored.
 * @returns how many values it removed
 */
export function removeStored({ store, flights, purges }: CacheContext, target: PurgeTarget): Promise<number> {
  const concerns = concernedBy(target);
  flights.doom(concerns);
  const purge = store.purge(target);
  // A store in this process has removed them by now. Which keys carry a tag only the store knows.
  if (store.lease && !('tag' in target)) purges.add(concerns, purge);
  return purge;
}

/** The same in every process of the gateway. */
export async function removeEverywhere(context: CacheContext, target: PurgeTarget): Promise<number> {
  const here = removeStored(context, target);
  const { others } = context.site;
  return others ? (await here) + (await others.remove(target)) : here;
}

function storedUnder(api: string, variants: readonly StoredVariant[]): StoredUnder {
  const [first] = variants;
  if (variants.length === 1 && first) return { api, tags: first.meta.tags, keepUntil: first.meta.keepUntil };
  const tags = new Set(variants.flatMap(({ meta }) => meta.tags));
  return { api, tags: [...tags], keepUntil: Math.max(...variants.map(({ meta }) => meta.keepUntil)) };
}
