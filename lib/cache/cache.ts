import type { IncomingMessage, ServerResponse } from 'node:http';
import { Closing } from '../core/closing.js';
import { shuttingDown } from '../core/errors.js';
import { announcesBody, knownExchange, sameExchange } from '../core/exchange.js';
import { prepareRequest } from '../core/prepared-request.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import { realTime } from '../core/time.js';
import { tokenOrString } from '../http/structured-text.js';
import { CacheCall } from './cache-call.js';
import {
  type CacheContext,
  type CacheSite,
  newTally,
  removeEverywhere,
  removeStored,
  statusOf,
} from './cache-context.js';
import { type CacheOptions, cachePolicy, resolveCache } from './cache-options.js';
import { standaloneSite } from './cache-site.js';
import type { ClientRequest } from './fetch-plan.js';
import { Fills } from './fills.js';
import { Flights } from './flights.js';
import type { KeyRequest } from './policy/key.js';
import { digestBody } from './policy/key-body.js';
import { decideLookup } from './policy/lookup-decision.js';
import { RetryPauses } from './policy/retry-pauses.js';
import type { NotStoredReason } from './policy/storable.js';
import { isCachedMethod } from './policy/ttl-policy.js';
import { type CachePurge, purgeTarget } from './purge-target.js';
import { checkedExtra, siteKeys } from './site-keys.js';
import { concernedBy } from './store/concerned-by.js';
import type { StoredVariant } from './store/entry.js';
import { MemoryStore } from './store/memory-store.js';
import { PendingPurges } from './store/pending-purges.js';
import { sendStored } from './stored-response.js';

/** What a cache holds, and its counters since it was created. */
export interface CacheCounts {
  /** Keys in the store; a key can hold several variants. */
  readonly entries: number;
  readonly bytes: number;
  /** Responses served fresh from the store. */
  readonly hits: number;
  /** Responses fetched because the store had none that could be used. */
  readonly misses: number;
  /** Stale responses served from the store: while they are renewed, or in place of a failure. */
  readonly stale: number;
  /** Responses served from the store after the upstream confirmed them. */
  readonly revalidated: number;
  /** Responses shared with another request that was already in flight. */
  readonly coalesced: number;
  /** Requests that were not looked up, or whose response must not be stored. */
  readonly bypassed: number;
  readonly evictions: number;
  /** Stored values that could not be read, and option functions that threw. */
  readonly errors: number;
  /** Responses that were not stored, by reason; the most frequent first. */
  readonly notStored: Readonly<Partial<Record<NotStoredReason, number>>>;
}

/** The middleware that {@link cache} returns. */
export interface CacheHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Removes responses from the store.
   * @returns how many keys were removed, as far as the store can tell; it rejects with an InvalidOptionError for a
   *   prefix that could not find what it means, such as one with a query
   */
  purge(target: CachePurge): Promise<number>;
  /**
   * The key of a request, for {@link purge}. In front of an application's own handlers, and wherever the authority
   * counts, it needs the `host` or a `Host` among `rawHeaders`; a request with a body also needs its `bodyHash`. Behind a
   * mount path, where functions of yours may read it, it needs the `originalUrl` as `rewritten`; there, of a client with a
   * certificate, its `fingerprint256` as `certificate`.
   */
  keyOf(request: Pick<KeyRequest, 'url'> & Partial<KeyRequest>): string;
  /** What it holds, and its counters. */
  counts(): CacheCounts;
  /** Removes all responses from the store, one that is shared too, and sets the counters of this process to 0. */
  reset(): Promise<void>;
  /**
   * Empties and closes the store, where the cache owns it. Calls that wait for another process, and those that come
   * later, get ERR_SHUTTING_DOWN.
   */
  close(): Promise<void>;
}

/**
 * Serves stored responses in place of the handlers behind it, and stores their responses. In front of `forward()` it
 * completes a request for others when its client leaves; within `resilientProxy` it also renews stale responses in
 * the background.
 *
 * @param site where it is mounted; by default an application's path, in front of any handler
 * @param now epoch milliseconds that never go back; for tests
 * @throws InvalidOptionError
 */
export function cache(
  options: CacheOptions = {},
  site: CacheSite = standaloneSite,
  now: Clock = steadyMs,
): CacheHandler {
  const context = openContext(options, site, now);
  const { keys, store, policy, flights, purges, tally, closing } = context;
  const { key: extraOf } = context.options;
  const stopListening = site.others?.listen((target) => removeStored(context, target));
  // What is in flight here was requested before another process had it removed.
  const stopHearing = store.onPurge?.((target) => flights.doom(target ? concernedBy(target) : () => true));

  function cache(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    // Its client left before it got here.
    if (res.closed || res.destroyed) return;
    if (closing.begun) return next(shuttingDown());
    // A call that is served from the store has no record that would have done so; behind other middlewares, one of the
    // application may have changed headers since.
    if (site === standaloneSite || !knownExchange(req)) prepareRequest(req);
    const { method = 'GET', rawHeaders } = req;
    const request: ClientRequest = { method, rawHeaders, url: site.url(req) };
    if (!isCachedMethod(policy, method)) {
      passBy(request, req, res, next);
      return;
    }
    if (!announcesBody(req)) {
      look(request, undefined, req, res, next);
      return;
    }
    const exchange = sameExchange(req, res);
    digestBody(req, (bodyHash, error) => {
      if (error) return next(error);
      if (bodyHash !== undefined) return look(request, bodyHash, req, res, next);
      exchange.cache = 'bypass';
      new CacheCall(context, exchange, request, '', next).go(NOTHING, { type: 'forward', reason: 'bypass' });
    });
  }

  function look(
    request: ClientRequest,
    bodyHash: string | undefined,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    let key: string;
    try {
      const { method, url, rawHeaders } = request;
      const extra = extraOf === undefined ? undefined : checkedExtra(extraOf(req));
      const encrypted = site.isEncrypted(req);
      const certificate = encrypted ? site.certificate(req) : undefined;
      const { host } = req.headers;
      key = keys.key({
        method,
        url,
        rawHeaders,
        host,
        encrypted,
        certificate,
        rewritten: site.rewritten(req),
        bodyHash,
        extra,
      });
    } catch (error) {
      tally.errors++;
      next(error);
      return;
    }
    const known = store.get(key);
    if (known instanceof Promise) wait(known, request, key, req, res, next);
    else decide(known ?? NOTHING, request, key, req, res, next);
  }

  /**
   * For a remote store. It allocates as little as possible per look-up, since all of it lives until the store
   * replies.
   */
  function wait(
    known: Promise<readonly StoredVariant[] | undefined>,
    request: ClientRequest,
    key: string,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const exchange = knownExchange(req);
    const mark = purges.mark();
    const go = (found: readonly StoredVariant[] | undefined): void => {
      // The client has left in the meantime.
      if (exchange ? exchange.abandoned : res.destroyed) return;
      decide(purges.overtook(key, mark) ? NOTHING : (found ?? NOTHING), request, key, req, res, next);
    };
    known.then(go, () => go(NOTHING)).catch(next);
  }

  function decide(
    known: readonly StoredVariant[],
    request: ClientRequest,
    key: string,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const now = context.now();
    const decision = decideLookup(known, request, policy, now);
    if (decision.type !== 'hit' || decision.stale) {
      new CacheCall(context, sameExchange(req, res), request, key, next).go(known, decision);
      return;
    }
    // By far the most common case: it allocates nothing that the response itself does not need.
    tally.hits++;
    if (known.length > 1) decision.variant.usedAt = now;
    const exchange = knownExchange(req);
    if (exchange) exchange.cache = 'hit';
    const ttlMs = decision.variant.meta.freshUntil - now;
    sendStored(res, request, decision.variant, now, statusOf(context, { hit: true, ttlMs }));
  }

  function passBy(
    request: ClientRequest,
    req: IncomingMessage,
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    // Its response may be what a GET would return.
    const { url, rawHeaders } = request;
    const of = {
      method: 'GET',
      url,
      rawHeaders,
      host: req.headers.host,
      encrypted: site.isEncrypted(req),
      certificate: site.certificate(req),
      rewritten: site.rewritten(req),
    };
    const key = request.method === 'POST' ? keys.key(of) : '';
    const call = new CacheCall(context, sameExchange(req, res), request, key, next);
    call.go(NOTHING, { type: 'forward', reason: 'method' });
  }

  return Object.assign(cache, {
    purge: (target: CachePurge) => purge(context, target),
    keyOf: ({ method = 'GET', rawHeaders = [], ...rest }: Parameters<CacheHandler['keyOf']>[0]) =>
      keys.key({ method, rawHeaders, ...rest }),
    counts: () => countsOf(context),
    reset: () => reset(context),
    close: () =>
      closing.begin(() => {
        stopListening?.();
        stopHearing?.();
        if (store instanceof MemoryStore && options.store !== store) return store.close();
      }),
  });
}

/** In whole milliseconds, as stored heads have them. */
const steadyMs: Clock = () => Math.trunc(steadyClock());

const NOTHING: readonly StoredVariant[] = Object.freeze([]);

function openContext(given: CacheOptions, site: CacheSite, now: () => number): CacheContext {
  const options = resolveCache(given);
  const keys = siteKeys(options, site);
  return {
    options,
    statusName: options.cacheStatus === false ? undefined : tokenOrString(options.cacheStatus),
    policy: cachePolicy(options, site),
    keys,
    store: options.store === 'memory' ? new MemoryStore({ maxBytes: options.maxBytes }) : options.store,
    flights: new Flights(now),
    purges: new PendingPurges(),
    pauses: new RetryPauses(),
    fills: new Fills(now),
    site,
    tally: newTally(),
    closing: new Closing(),
    now,
    wall: now === steadyMs ? realTime.wall : now,
  };
}

async function purge(context: CacheContext, target: CachePurge): Promise<number> {
  return removeEverywhere(context, purgeTarget(context.keys, target));
}

async function reset(context: CacheContext): Promise<void> {
  Object.assign(context.tally, newTally());
  context.pauses.reset();
  context.fills.reset();
  await purge(context, { prefix: '/' });
}

function countsOf({ store, tally }: CacheContext): CacheCounts {
  const { entries, bytes, evictions, corrupt } = store.counts();
  const { errors, notStored, ...seen } = tally;
  const reasons = Object.fromEntries([...notStored].sort(([, one], [, other]) => other - one));
  return { entries, bytes, evictions, ...seen, errors: errors + corrupt, notStored: reasons };
}
