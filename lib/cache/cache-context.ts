import type { IncomingMessage } from 'node:http';
import type { ResolvedCache } from './cache-options.js';
import { type CacheStatus, cacheStatusValue } from './cache-status.js';
import type { Flights } from './flights.js';
import type { CachePolicy } from './policy/cache-policy.js';
import type { CacheKeys } from './policy/key.js';
import type { RetryGate } from './policy/retry-gate.js';
import type { StoredVariant } from './store/entry.js';
import type { PendingPurges } from './store/pending-purges.js';
import type { CacheStore, PurgeTarget, StoredUnder } from './store/store.js';

/** What a cache knows of the place it stands at. */
export interface CacheSite {
  /** Path and query that say which resource is asked for. */
  url(req: IncomingMessage): string;
  /** Absolute URI of the target of a call, as its upstream sees it. */
  targetUri(req: IncomingMessage, url: string): string;
  /** The path clients ask for, by one of the upstream's. */
  clientPath(path: string): string;
  /** Fields that are injected into each call: name, value, name, value. */
  readonly injectedHeaders: readonly string[];
}

/** What has happened since the cache was made. */
export interface CacheTally {
  hits: number;
  misses: number;
  stale: number;
  revalidated: number;
  coalesced: number;
  bypassed: number;
  errors: number;
}

/** All that the calls of one cache share. */
export interface CacheContext {
  readonly options: ResolvedCache;
  readonly policy: CachePolicy;
  readonly keys: CacheKeys;
  /** Digest of the credentials of a call alone. */
  credentials(rawHeaders: readonly string[]): string;
  readonly store: CacheStore;
  readonly flights: Flights;
  readonly purges: PendingPurges;
  readonly gate: RetryGate;
  readonly site: CacheSite;
  readonly tally: CacheTally;
  /** Epoch milliseconds. */
  now(): number;
}

/** Value of `Cache-Status`; `undefined` where it is turned off. */
export function statusOf({ options }: CacheContext, status: CacheStatus): string | undefined {
  return options.cacheStatus === false ? undefined : cacheStatusValue(options.cacheStatus, status);
}

/** What is stored for a key, and no purge is taking out. */
export function read(
  { store, purges }: CacheContext,
  key: string,
): readonly StoredVariant[] | undefined | Promise<readonly StoredVariant[] | undefined> {
  const known = store.get(key);
  if (!(known instanceof Promise)) return known;
  const mark = purges.mark();
  return known.then((variants) => (purges.overtook(key, mark) ? undefined : variants));
}

/** Puts the variants of a key into the store; behind a purge that would take them out again. */
export function keep(context: CacheContext, key: string, variants: readonly StoredVariant[]): void {
  const { store, keys, purges } = context;
  purges.after(key, () => store.set(key, variants, storedUnder(keys.apiPrefix, variants)));
}

/** Takes out of the store, and keeps out what is on its way for the same keys. @returns how many values */
export function take(
  { store, flights, purges }: CacheContext,
  target: PurgeTarget,
  concerns: (key: string) => boolean,
): Promise<number> {
  flights.doom(concerns);
  const purge = store.purge(target);
  // A store of this process alone has done it by now; which keys carry a tag only the store knows.
  if (store.lease && !('tag' in target)) purges.add(concerns, purge);
  return purge;
}

function storedUnder(api: string, variants: readonly StoredVariant[]): StoredUnder {
  const [first] = variants;
  if (variants.length === 1 && first) return { api, tags: first.meta.tags, keepUntil: first.meta.keepUntil };
  const tags = new Set(variants.flatMap(({ meta }) => meta.tags));
  return { api, tags: [...tags], keepUntil: Math.max(...variants.map(({ meta }) => meta.keepUntil)) };
}
