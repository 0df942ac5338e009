import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf, knownExchange } from '../core/exchange.js';
import { CacheCall } from './cache-call.js';
import { type CacheContext, type CacheSite, statusOf, take } from './cache-context.js';
import { type CacheOptions, cachePolicy, resolveCache } from './cache-options.js';
import { standaloneSite } from './cache-site.js';
import type { AskedCall } from './fetch-plan.js';
import { Flights } from './flights.js';
import { type CacheKeys, cacheKeys, type KeyRequest } from './policy/key.js';
import { digestBody, hasBody } from './policy/key-body.js';
import { decideLookup } from './policy/lookup-decision.js';
import { RetryGate } from './policy/retry-gate.js';
import { isCachedMethod } from './policy/ttl-policy.js';
import type { StoredVariant } from './store/entry.js';
import { MemoryStore } from './store/memory-store.js';
import { PendingPurges } from './store/pending-purges.js';
import type { PurgeTarget } from './store/store.js';
import { sendStored } from './stored-response.js';

/** What a cache has stored and done since it was made. */
export interface CacheCounts {
  /** Keys in the store; a key may hold several variants. */
  readonly entries: number;
  readonly bytes: number;
  /** Answers from the store, still fresh. */
  readonly hits: number;
  /** Answers fetched because nothing that could be used was stored. */
  readonly misses: number;
  /** Answers from the store past their freshness: renewed meanwhile, or in place of a failure. */
  readonly stale: number;
  /** Answers from the store that the upstream confirmed first. */
  readonly revalidated: number;
  /** Answers that another call had fetched. */
  readonly coalesced: number;
  /** Calls that were not looked up, or must not be stored. */
  readonly bypassed: number;
  readonly evictions: number;
  /** Stored values that could not be read, and functions among the options that threw. */
  readonly errors: number;
}

/** What to take out of a cache. */
export type CachePurge =
  /** One key, as {@link CacheHandler.keyOf} names it. */
  | { readonly key: string }
  /** All below a path, as clients ask for it; `/` is everything. */
  | { readonly prefix: string }
  /** All that carry a tag. */
  | { readonly tag: string };

/** The middleware that {@link cache} returns. */
export interface CacheHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** Takes answers out of the store. @returns how many keys, as far as the store can tell */
  purge(target: CachePurge): Promise<number>;
  /** The key of a call, for {@link purge}; of one with a body `bodyHash` would be needed too. */
  keyOf(request: Pick<KeyRequest, 'url'> & Partial<KeyRequest>): string;
  /** What it has stored and done. */
  counts(): CacheCounts;
  /** Empties and frees the store, where it is the cache's own. */
  close(): Promise<void>;
}

/**
 * Answers from what was stored before, in place of the handlers behind it, and stores what they answer. In front of
 * `forward()` it also goes on for others when a client leaves; within `resilientProxy` it renews in the background.
 *
 * @param site where it stands; by default an application's path, for any handler
 * @param now epoch milliseconds; for tests
 * @throws InvalidOptionError
 */
export function cache(
  options: CacheOptions = {},
  site: CacheSite = standaloneSite,
  now: () => number = Date.now,
): CacheHandler {
  const context = openContext(options, site, now);
  const { keys, store, policy, purges, tally } = context;
  const { key: extraOf } = context.options;

  function cache(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const { method = 'GET', rawHeaders } = req;
    const asked: AskedCall = { method, rawHeaders, url: site.url(req) };
    if (!isCachedMethod(policy, method)) {
      passBy(asked, req, res, next);
      return;
    }
    if (!hasBody(req)) {
      look(asked, undefined, req, res, next);
      return;
    }
    digestBody(req, (bodyHash) => {
      if (bodyHash !== undefined) return look(asked, bodyHash, req, res, next);
      const exchange = exchangeOf(req, res);
      exchange.cache = 'bypass';
      new CacheCall(context, exchange, asked, '', next).go(NOTHING, { type: 'forward', reason: 'bypass' });
    });
  }

  function look(
    asked: AskedCall,
    bodyHash: string | undefined,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    let key: string;
    try {
      const { method, url, rawHeaders } = asked;
      key = keys.key({ method, url, rawHeaders, bodyHash, extra: extraOf?.(req) });
    } catch (error) {
      tally.errors++;
      next(error);
      return;
    }
    const known = store.get(key);
    if (known instanceof Promise) wait(known, asked, key, req, res, next);
    else decide(known ?? NOTHING, asked, key, req, res, next);
  }

  /** For a store far away: as little as possible is made for each look-up, since all of it lives as long as that. */
  function wait(
    known: Promise<readonly StoredVariant[] | undefined>,
    asked: AskedCall,
    key: string,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const exchange = knownExchange(req);
    const mark = purges.mark();
    const go = (found: readonly StoredVariant[] | undefined): void => {
      // The client left meanwhile.
      if (exchange ? exchange.abandoned : res.destroyed) return;
      decide(purges.overtook(key, mark) ? NOTHING : (found ?? NOTHING), asked, key, req, res, next);
    };
    known.then(go, () => go(NOTHING)).catch(next);
  }

  function decide(
    known: readonly StoredVariant[],
    asked: AskedCall,
    key: string,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const now = context.now();
    const decision = decideLookup(known, asked, policy, now);
    if (decision.type !== 'hit' || decision.stale) {
      new CacheCall(context, exchangeOf(req, res), asked, key, next).go(known, decision);
      return;
    }
    // The usual case by far: nothing is made for it that the answer itself does not need.
    tally.hits++;
    const exchange = knownExchange(req);
    if (exchange) exchange.cache = 'hit';
    const ttlMs = decision.variant.meta.freshUntil - now;
    sendStored(res, asked, decision.variant, now, statusOf(context, { hit: true, ttlMs }));
  }

  function passBy(
    asked: AskedCall,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    // Its answer may be what GET would get.
    const key = asked.method === 'POST' ? keys.key({ ...asked, method: 'GET' }) : '';
    const call = new CacheCall(context, exchangeOf(req, res), asked, key, next);
    call.go(NOTHING, { type: 'forward', reason: 'method' });
  }

  return Object.assign(cache, {
    purge: (target: CachePurge) => purge(context, target),
    keyOf: ({ method = 'GET', rawHeaders = [], ...rest }: Parameters<CacheHandler['keyOf']>[0]) =>
      keys.key({ method, rawHeaders, ...rest }),
    counts: () => countsOf(context),
    close: async () => {
      if (store instanceof MemoryStore && options.store !== store) await store.close();
    },
  });
}

const NOTHING: readonly StoredVariant[] = Object.freeze([]);

function openContext(given: CacheOptions, site: CacheSite, now: () => number): CacheContext {
  const options = resolveCache(given);
  const common = {
    prefix: KEY_PREFIX,
    api: options.name,
    credentialHeaders: options.credentialHeaders,
    sharedAcrossCredentials: options.sharedAcrossCredentials,
  };
  const { headerStrategy, headers } = options;
  const keys = cacheKeys({ ...common, headerStrategy, headers, injectedHeaders: site.injectedHeaders });
  const persons = cacheKeys({ ...common, headerStrategy: 'none', headers: [], injectedHeaders: [] });
  return {
    options,
    policy: cachePolicy(options),
    keys,
    credentials: (rawHeaders) => persons.key({ method: 'GET', url: '/', rawHeaders }),
    store: options.store === 'memory' ? new MemoryStore({ maxBytes: options.maxBytes }) : options.store,
    flights: new Flights(now),
    purges: new PendingPurges(),
    gate: new RetryGate(),
    site,
    tally: { hits: 0, misses: 0, stale: 0, revalidated: 0, coalesced: 0, bypassed: 0, errors: 0 },
    now,
  };
}

const KEY_PREFIX = 'rpo';

async function purge(context: CacheContext, target: CachePurge): Promise<number> {
  const [stored, concerns] = purgeTarget(context.keys, target);
  return take(context, stored, concerns);
}

function purgeTarget(
  { apiPrefix }: CacheKeys,
  target: CachePurge,
): [stored: PurgeTarget, concerns: (key: string) => boolean] {
  if ('key' in target) return [{ key: target.key }, (key) => key === target.key];
  // Which tags an answer on its way will carry is not known yet: it was asked for before the purge.
  if ('tag' in target) return [{ api: apiPrefix, tag: target.tag }, () => true];
  const path = target.prefix.startsWith('/') ? target.prefix : `/${target.prefix}`;
  // A colon at the end would mean one whole path to a store.
  const prefix = `${apiPrefix}${path === '/' ? '' : path.replace(/:+$/, '')}`;
  return [{ prefix }, (key) => key.startsWith(prefix)];
}

function countsOf({ store, tally }: CacheContext): CacheCounts {
  const { entries, bytes, evictions, corrupt } = store.counts();
  const { errors, ...seen } = tally;
  return { entries, bytes, evictions, ...seen, errors: errors + corrupt };
}
