import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkedMs } from '../core/checked-ms.js';
import type { LimitStatus, QuotaStatus } from '../core/egress-status.js';
import type { ProxyError } from '../core/errors.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { settledNow } from '../core/settled-now.js';
import { realTime, type Time } from '../core/time.js';
import type { Reaches } from '../http/forwarded-headers.js';
import { EVERYTHING } from './gate/account.js';
import { pathName } from './gate/routes.js';
import { LimitedCall } from './limited-call.js';
import { Limiter, type MachineLimits } from './quota/limiter.js';
import type { RateLimitEvents } from './rate-limit-events.js';
import { type RateLimitOptions, type ResolvedRateLimit, resolveRateLimit } from './rate-limit-options.js';

/** The middleware that {@link rateLimit} returns. */
export interface RateLimitHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The target's advertised limits, one entry for each credential and egress proxy. */
  status(): LimitStatus[];
  /** The configured limits, with what is left of them and who waits. */
  quotas(): QuotaStatus[];
  /**
   * Treats every call for so long as if the API had asked for a pause by a 429, or until `reset()`: it is refused or
   * waits. Listed by `status()` with the name `forced`; no event is emitted.
   */
  forceExhausted(forMs: number): void;
  /** Forgets the advertised limits, and what was counted of the configured ones. What Redis keeps for all processes stays. */
  reset(): void;
  /** Adds a listener. */
  on<E extends keyof RateLimitEvents>(event: E, listener: (...args: RateLimitEvents[E]) => void): void;
  /** Removes a listener that `on()` has added. */
  off<E extends keyof RateLimitEvents>(event: E, listener: (...args: RateLimitEvents[E]) => void): void;
  /** Refuses the waiting calls and later ones, and closes a connection to Redis that it has opened itself. */
  close(): Promise<void>;
}

/**
 * Keeps calls within a configured `limit`, and, unless `learn` is `false`, within the limits that the target
 * advertises. A call above a limit is refused with a 429 and `Retry-After`, by `next(error)`, or waits. In front of
 * `forward()` it counts attempts, and keeps advertised limits apart by egress proxy; in front of any other handler it
 * counts calls.
 *
 * @param time for tests
 * @param reaches which headers of a client the target sees: all of them by default
 * @param local what the processes of one gateway share without Redis
 * @throws InvalidOptionError
 */
export function rateLimit(
  options: RateLimitOptions = {},
  time: Time = realTime,
  reaches?: Reaches,
  local?: MachineLimits,
): RateLimitHandler {
  return openRateLimit(options, time, reaches, local).handler;
}

/** A `rateLimit()`, and what it counts and learns. */
export interface OpenRateLimit {
  readonly handler: RateLimitHandler;
  readonly limiter: Limiter;
}

/** The same, for one that may come in the place of another. */
export function openRateLimit(
  options: RateLimitOptions,
  time: Time,
  reaches: Reaches | undefined,
  local: MachineLimits | undefined,
): OpenRateLimit {
  const resolved = resolveRateLimit(options);
  const limiter = new Limiter(resolved, time, reaches, local);
  const { key, scope, cost } = resolved;

  function rateLimit(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    // A call that passes this middleware twice, mounted on two paths, is counted once.
    if (isLimited(exchange, limiter)) return next();
    // The client has left: such a call takes nothing from the quota.
    if (exchange.abandoned) return;
    let quotaKey: string;
    let limitScope: string | undefined;
    let points: number;
    try {
      quotaKey = settledNow(key?.(req), 'rateLimit.key') ?? '';
      points =
        typeof cost === 'function'
          ? wholePoints(settledNow(cost(req), 'rateLimit.cost'))
          : typeof cost === 'string'
            ? 1
            : cost;
      limitScope = scope === 'auto' ? undefined : scopeOf(scope, req);
    } catch (error) {
      next(error);
      return;
    }
    const call = new LimitedCall(limiter, exchange, { quotaKey, points, scope: limitScope });
    exchange.limits.push(call);
    exchange.onAbandon(() => call.leave());
    const refusal = call.enter();
    if (!(refusal instanceof Promise)) return proceed(call, exchange, refusal, next);
    const since = performance.now();
    refusal
      .then((late) => {
        exchange.queuedMs += performance.now() - since;
        proceed(call, exchange, late, next);
      })
      .catch(next);
  }

  const { events } = limiter;
  const handler = Object.assign(rateLimit, {
    status: () => limiter.status(),
    quotas: () => limiter.quotas(),
    forceExhausted: (forMs: number) => limiter.force(checkedMs(forMs)),
    reset: () => limiter.reset(),
    on: events.on.bind(events) as RateLimitHandler['on'],
    off: events.off.bind(events) as RateLimitHandler['off'],
    close: () => limiter.close(),
  });
  return { handler, limiter };
}

function proceed(
  call: LimitedCall,
  exchange: Exchange,
  refusal: ProxyError | undefined,
  next: (error?: unknown) => void,
): void {
  if (call.isOver) return;
  if (refusal) exchange.error = refusal;
  next(refusal);
}

/** What a function of the application gives. */
function wholePoints(cost: number): number {
  if (Number.isFinite(cost) && cost >= 0) return Math.ceil(cost);
  throw new TypeError(`rateLimit.cost must give a number from 0; it gave ${String(cost)}`);
}

/** The limit without a name that a call draws on. */
function scopeOf(scope: ResolvedRateLimit['scope'], req: IncomingMessage): string | undefined {
  if (typeof scope === 'function') return settledNow(scope(req), 'rateLimit.scope');
  return scope === 'api' ? EVERYTHING : pathName(req.url ?? '/');
}

function isLimited({ limits }: Exchange, limiter: Limiter): boolean {
  for (const limit of limits) if (limit instanceof LimitedCall && limit.limiter === limiter) return true;
  return false;
}
