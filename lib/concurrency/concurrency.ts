import type { IncomingMessage, ServerResponse } from 'node:http';
import { Closing } from '../core/closing.js';
import { ProxyError } from '../core/errors.js';
import { Events } from '../core/events.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { settledNow } from '../core/settled-now.js';
import { realTime, type Time } from '../core/time.js';
import { credentialDigest } from '../http/credential-digest.js';
import type { Reaches } from '../http/forwarded-headers.js';
import type { Bulkhead, BulkheadSite } from './bulkhead.js';
import { Bulkheads, HeldPlace, KeyedPlace, ProxyPlace } from './bulkheads.js';
import type { ConcurrencyEvents } from './concurrency-events.js';
import {
  type ConcurrencyOptions,
  type ResolvedConcurrency,
  resolveConcurrency,
} from './concurrency-options.js';
import type { ConcurrencyStatus } from './concurrency-status.js';
import { FleetShare, type ShareBook } from './fleet-share.js';
import { machineFleet, type OpenFleet, openFleet } from './open-fleet.js';

/** The middleware that {@link concurrency} returns. */
export interface ConcurrencyHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** Each limit: that of the API, or those of its keys, credentials or egress proxies that are in use. */
  status(): ConcurrencyStatus[];
  /** How many calls were refused because the queue was full, and because they had waited for too long. */
  refused(): Readonly<Record<'queue' | 'wait', number>>;
  /** Forgets what an adaptive limit has learned, and which calls were refused. Those in flight still count. */
  reset(): void;
  /** Adds a listener. */
  on<E extends keyof ConcurrencyEvents>(event: E, listener: (...args: ConcurrencyEvents[E]) => void): void;
  /** Removes a listener that `on()` has added. */
  off<E extends keyof ConcurrencyEvents>(event: E, listener: (...args: ConcurrencyEvents[E]) => void): void;
  /** Refuses the waiting calls and later ones, and closes a connection to Redis that it has opened itself. */
  close(): Promise<void>;
}

/** Where a limit stands. */
export interface ConcurrencySite {
  /** For tests. */
  readonly time?: Time | undefined;
  /** Which headers of a client the target sees: all of them by default. */
  readonly reaches?: Reaches | undefined;
  /** The target knows all clients as one user. */
  readonly sharedCredential?: boolean | undefined;
  /** `forward()` follows, which asks before each attempt: then no call takes a place earlier. */
  readonly forwards?: boolean | undefined;
  /** Where the limit is kept for all processes of a gateway, without Redis. */
  readonly shares?: ShareBook | undefined;
}

/**
 * Bounds the requests that are in flight at once. A call beyond the limit waits in a queue in which keys take turns, or is
 * refused with a 503 and `Retry-After`, by `next(error)`. In front of `forward()` it counts attempts: one holds its place
 * until the last byte of its response, and a call that waits for its next attempt holds none. In front of any other
 * handler it counts calls.
 *
 * @throws InvalidOptionError
 */
export function concurrency(
  options: ConcurrencyOptions = {},
  site: ConcurrencySite = {},
): ConcurrencyHandler {
  return openConcurrency(options, site).handler;
}

/** What is behind a {@link concurrency}. */
export interface OpenConcurrency {
  readonly handler: ConcurrencyHandler;
  readonly bulkheads: Bulkheads;
  /** Whose requests each of its limits is for. */
  readonly per: ResolvedConcurrency['per'];
  /** Comes in the place of another, with what that one counts. */
  resume(known: OpenConcurrency): void;
}

/** The same, for one that may come in the place of another. */
export function openConcurrency(options: ConcurrencyOptions, site: ConcurrencySite): OpenConcurrency {
  const resolved = resolveConcurrency(options);
  const { per, key } = resolved;
  const { time = realTime, reaches, sharedCredential = false, forwards = false, shares } = site;
  const events = new Events<ConcurrencyEvents>();
  const closing = new Closing();
  const refused = { queue: 0, wait: 0 };
  const fleet = fleetOf(resolved, time, shares);
  const { credentialHeaders: also, credentialExceptions: except } = resolved;
  const keyOf = (req: IncomingMessage) => settledNow(key?.(req), 'concurrency.key');
  const credentialOf = credentialDigest({ also, except }, reaches, sharedCredential);
  const bulkheads = new Bulkheads({
    ...{ options: resolved, time, events, closing, refused },
    partyOf: ({ req }) => keyOf(req) ?? '',
    share: (of, holder) => fleet && new FleetShare(fleet, fleet.keyOf(of), holder),
  } satisfies Omit<BulkheadSite, 'unused'>);
  fleet?.book.onRecovered(() => {
    for (const bulkhead of bulkheads) bulkhead.renew();
  });
  let common = per === 'api' ? bulkheads.get('') : per === 'proxy' ? new ProxyPlace(bulkheads) : undefined;

  function placeOf({ req }: Exchange): Bulkhead | KeyedPlace | ProxyPlace {
    if (common) return common;
    const of = per === 'key' ? keyOf(req) : credentialOf(req.rawHeaders, req.url);
    return new KeyedPlace(bulkheads, of ?? '');
  }

  /** `forward()` asks the limit before each attempt. */
  function enter(exchange: Exchange): unknown {
    try {
      if (!isCounted(exchange, bulkheads)) exchange.limits.push(placeOf(exchange));
      return undefined;
    } catch (error) {
      return error ?? new Error('The key of a limit failed');
    }
  }

  function concurrency(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    // A call that passes this middleware twice, mounted on two paths, is counted once.
    if (isCounted(exchange, bulkheads)) return next();
    // The client has left.
    if (exchange.abandoned) return;
    let place: ReturnType<typeof placeOf>;
    let taken: ReturnType<Bulkhead['take']> | undefined;
    try {
      place = placeOf(exchange);
      // Its egress proxies are known only at its attempts.
      taken = place instanceof ProxyPlace ? undefined : place.take(exchange);
    } catch (error) {
      next(error);
      return;
    }
    if (taken && !(place instanceof ProxyPlace)) return hold(exchange, place, taken, next);
    exchange.limits.push(place);
    next();
  }

  async function closeAll(): Promise<void> {
    if (!bulkheads.isReplaced) for (const bulkhead of bulkheads) bulkhead.close();
    await fleet?.book.close();
  }

  const handler = Object.assign(concurrency, {
    ...(forwards && { enter }),
    status: () => bulkheads.status(),
    refused: () => ({ ...refused }),
    reset() {
      Object.assign(refused, { queue: 0, wait: 0 });
      for (const bulkhead of bulkheads) bulkhead.reset();
    },
    on: events.on.bind(events) as ConcurrencyHandler['on'],
    off: events.off.bind(events) as ConcurrencyHandler['off'],
    close: () => closing.begin(closeAll),
  });
  return {
    ...{ handler, bulkheads, per },
    resume(known) {
      Object.assign(refused, known.handler.refused());
      bulkheads.resume(known.bulkheads);
      if (per === 'api') common = bulkheads.get('');
    },
  };
}

type Next = (error?: unknown) => void;

/** Holds a place for the first attempt, or for the handler that follows. */
function hold(
  exchange: Exchange,
  place: Bulkhead | KeyedPlace,
  taken: ReturnType<Bulkhead['take']>,
  next: Next,
): void {
  if (!(taken instanceof Promise)) return proceed(exchange, place, taken, next);
  const since = performance.now();
  taken
    .then((late) => {
      exchange.queuedMs += performance.now() - since;
      proceed(exchange, place, late, next);
    })
    .catch(next);
}

function proceed(
  exchange: Exchange,
  place: Bulkhead | KeyedPlace,
  taken: Bulkhead | ProxyError,
  next: Next,
): void {
  if (taken instanceof ProxyError) {
    if (exchange.abandoned) return;
    exchange.error = taken;
    next(taken);
    return;
  }
  if (exchange.abandoned) return taken.release();
  const held = new HeldPlace(place, taken);
  exchange.limits.push(held);
  exchange.onAbandon(() => held.left(exchange));
  next();
}

function isCounted({ limits }: Exchange, { id }: Bulkheads): boolean {
  for (const limit of limits) if ('inFlightOf' in limit && limit.inFlightOf === id) return true;
  return false;
}

function fleetOf(
  { redis, limit, ...options }: ResolvedConcurrency,
  time: Time,
  shares: ShareBook | undefined,
): OpenFleet | undefined {
  if (limit === 'adaptive') return undefined;
  if (redis) return openFleet(redis, options, limit, time);
  return shares && machineFleet(withoutClose(shares), options.name, limit, time);
}

/** For a book that several limits use: none of them may close it for the others. */
function withoutClose(shares: ShareBook): ShareBook {
  return {
    lease: (key, lease) => shares.lease(key, lease),
    giveBack: (key, member) => shares.giveBack(key, member),
    onRecovered: (listener) => shares.onRecovered(listener),
    close: async () => {},
  };
}
