import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LimitStatus } from '../core/egress-status.js';
import type { ProxyError } from '../core/errors.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import { LimitedCall } from './limited-call.js';
import { Limiter } from './quota/limiter.js';
import type { RateLimitEvents } from './rate-limit-events.js';
import { type RateLimitOptions, resolveRateLimit } from './rate-limit-options.js';

/** The middleware that {@link rateLimit} returns. */
export interface RateLimitHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** What is known of the target's limits, one entry for each credential and exit. */
  status(): LimitStatus[];
  /** Calls back at each such event, until `off()` with the same function. */
  on<E extends keyof RateLimitEvents>(event: E, listener: (...args: RateLimitEvents[E]) => void): void;
  /** Ends what `on()` began. */
  off<E extends keyof RateLimitEvents>(event: E, listener: (...args: RateLimitEvents[E]) => void): void;
  /** Refuses those who wait and those who come later, and ends a connection to Redis that is its own. */
  close(): Promise<void>;
}

/**
 * Keeps calls under what the target allows: under a configured `limit`, and, unless told otherwise, under what the
 * target says itself. A call that is one too many is refused with a 429 and `Retry-After`, by `next(error)`, or waits.
 * With `forward()` behind it every attempt counts, through each exit apart; in front of any other handler the call does.
 *
 * @param clock milliseconds that never go back; for tests
 * @throws InvalidOptionError
 */
export function rateLimit(options: RateLimitOptions = {}, clock: Clock = steadyClock): RateLimitHandler {
  const resolved = resolveRateLimit(options);
  const limiter = new Limiter(resolved, clock);
  const { key } = resolved;

  function rateLimit(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    // Mounted on two paths that one call goes through, it would count everything twice.
    if (isLimited(exchange, limiter)) return next();
    // A call that nobody waits for costs no quota.
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
    if (!(refusal instanceof Promise)) return response(call, exchange, refusal, next);
    const since = performance.now();
    refusal
      .then((late) => {
        exchange.queuedMs += performance.now() - since;
        response(call, exchange, late, next);
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

function response(
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
