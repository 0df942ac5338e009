import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AttemptOutcome, BodyReader } from '../core/attempt.js';
import { Events } from '../core/events.js';
import type { Exchange, RetryContext, RetryPolicy } from '../core/exchange.js';
import { resolveOptions } from '../core/options.js';
import { enterBy } from '../core/pipeline.js';
import { bodyReader } from '../http/failure-rules.js';
import { driveAttempts } from './driver.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { RetryBudget } from './retry-budget.js';
import { decideRetry, type RetryDecision, type StopReason } from './retry-decision.js';
import { type ResolvedRetry, type RetryOptions, retrySchema } from './retry-options.js';

/**
 * Events of `retry()`. `api` is the API's name, `attemptsMade` counts the first attempt too, and `because` is the last
 * failure: its status, or the code of its error.
 */
export interface RetryEvents {
  /** Another attempt follows in `waitMs` milliseconds. */
  retry: [event: { api: string; method: string; attemptsMade: number; waitMs: number; because: string }];
  /** The last failure is passed on to the client; `stop` says why there is no other attempt. */
  giveUp: [event: { api: string; method: string; attemptsMade: number; stop: StopReason; because: string }];
}

/** The middleware that {@link retry} returns. */
export interface RetryHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** How many retries its budget has left now; `undefined` without one. */
  budgetLeft(): number | undefined;
  /** Gives back all of the budget. */
  reset(): void;
  /** Calls the listener at each such event. */
  on<E extends keyof RetryEvents>(event: E, listener: (...args: RetryEvents[E]) => void): void;
  /** Removes a listener. */
  off<E extends keyof RetryEvents>(event: E, listener: (...args: RetryEvents[E]) => void): void;
}

/**
 * Retries failed attempts of the `forward()` at the end of the chain, with growing waits and a time limit for the
 * whole call. Nothing is retried once the response has begun to reach the client. In front of any other handler it
 * does nothing, since Express cannot run the end of a chain twice.
 *
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function retry(options: RetryOptions = {}): RetryHandler {
  const policy = new Policy(resolveOptions(retrySchema, options, 'retry'));

  function retry(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    enterBy(policy.enter, req, res, next);
  }
  return Object.assign(retry, {
    enter: policy.enter,
    budgetLeft: () => policy.budgetLeft(),
    reset: () => policy.reset(),
    on: policy.events.on.bind(policy.events) as RetryHandler['on'],
    off: policy.events.off.bind(policy.events) as RetryHandler['off'],
  });
}

const NO_TIME: RetryDecision = { stop: 'time' };

/** Whether a limit would refuse an attempt in so many milliseconds. */
function isRefusedIn(exchange: Exchange, inMs: number): boolean {
  return exchange.limits.some((limit) => limit.refusesIn?.(exchange, inMs));
}

class Policy implements RetryPolicy {
  readonly events = new Events<RetryEvents>();
  readonly maxBodyBytes: number;
  readonly totalTimeoutMs: number;
  readonly #options: ResolvedRetry;
  readonly #methods: ReadonlySet<string>;
  readonly #budget: RetryBudget | undefined;
  readonly #keys: IdempotencyKeys | undefined;
  readonly #reader: BodyReader | undefined;

  constructor(options: ResolvedRetry) {
    this.#options = options;
    this.maxBodyBytes = options.maxBodyBytes;
    this.totalTimeoutMs = options.totalTimeoutMs;
    this.#methods = new Set(options.methods);
    this.#budget = options.budgetRatio === false ? undefined : new RetryBudget(options.budgetRatio);
    this.#reader = bodyReader(options.failureWhen);
    const { idempotencyKey } = options;
    this.#keys = idempotencyKey === false ? undefined : new IdempotencyKeys(idempotencyKey);
  }

  readonly enter = (exchange: Exchange): undefined => {
    exchange.retry = this;
    exchange.readBodies(this.#reader);
    this.#budget?.deposit(exchange.startedAt);
    if (this.#keys) exchange.limits.push(this.#keys);
  };

  resends(method: string, status = 429): boolean {
    const { retryRateLimited } = this.#options;
    const listed =
      (retryRateLimited && status === 429) ||
      this.#methods.has(method) ||
      (this.#keys?.covers(method) ?? false);
    return listed && this.#options.maxAttempts > 1;
  }

  spend(): boolean {
    return this.#budget?.withdraw(performance.now()) ?? true;
  }

  budgetLeft(): number | undefined {
    return this.#budget?.left(performance.now());
  }

  reset(): void {
    this.#budget?.reset();
  }

  delayAfter(outcome: AttemptOutcome, call: RetryContext): number | undefined {
    const moment = { now: Date.now(), random: Math.random() };
    const decided = decideRetry(this.#options, outcome, call, moment);
    const decision = 'waitMs' in decided && isRefusedIn(call.exchange, decided.waitMs) ? NO_TIME : decided;
    if ('waitMs' in decision && (this.#budget?.withdraw(performance.now()) ?? true)) {
      this.#announce('retry', outcome, call, { waitMs: decision.waitMs });
      return decision.waitMs;
    }
    const stop = 'stop' in decision ? decision.stop : 'budget';
    if (stop !== 'outcome') this.#announce('giveUp', outcome, call, { stop });
    return undefined;
  }

  drive(again: (giveUp: (error: Error) => void) => Promise<void>): Promise<void> {
    return driveAttempts(this.#options.maxAttempts, again);
  }

  #announce<E extends keyof RetryEvents>(
    event: E,
    outcome: AttemptOutcome,
    { exchange, method, attemptsMade }: RetryContext,
    more: { waitMs: number } | { stop: StopReason },
  ): void {
    if (!this.events.has(event)) return;
    const because =
      outcome.kind === 'response'
        ? String(outcome.head.status)
        : outcome.kind === 'failure'
          ? outcome.error.code
          : '';
    this.events.emit(event as 'retry', {
      api: exchange.api,
      method,
      attemptsMade,
      because,
      ...(more as { waitMs: number }),
    });
  }
}
