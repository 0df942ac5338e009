import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LimitStatus } from '../core/egress-status.js';
import type { ProxyError } from '../core/errors.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { realTime, type Time } from '../core/time.js';
import type { Reaches } from '../http/forwarded-headers.js';
import { LimitedCall } from './limited-call.js';
import { Limiter } from './quota/limiter.js';
import type { RateLimitEvents } from './rate-limit-events.js';
import { type RateLimitOptions, resolveRateLimit } from './rate-limit-options.js';

/** The middleware that {@link rateLimit} returns. */
export interface RateLimitHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The target's advertised limits, one entry for each credential and egress proxy. */
  status(): LimitStatus[];
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
 * @throws InvalidOptionError
 */
export function rateLimit(
  options: RateLimitOptions = {},
  time: Time = realTime,
  reaches?: Reaches,
): RateLimitHandler {
  const resolved = resolveRateLimit(options);
  const limiter = new Limiter(resolved, time, reaches);
  const { key } = resolved;

  function rateLimit(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    // A call that passes this middleware twice, mounted on two paths, is counted once.
    if (isLimited(exchange, limiter)) return next();
    // The client has left: such a call takes nothing from the quota.
    if (exchange.abandoned) return;
    let quotaKey: string;
    try {
      quotaKey = key?.(req) ?? '';
    } catch (error) {
      next(error);
      return;
    }
    const call = new LimitedCall(limiter, exchange, quotaKey);
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
  return Object.assign(rateLimit, {
    status: () => limiter.status(),
    on: events.on.bind(events) as RateLimitHandler['on'],
    off: events.off.bind(events) as RateLimitHandler['off'],
    close: () => limiter.close(),
  });
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

function isLimited({ limits }: Exchange, limiter: Limiter): boolean {
  for (const limit of limits) if (limit instanceof LimitedCall && limit.limiter === limiter) return true;
  return false;
}
