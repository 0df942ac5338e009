import type { Attempt, AttemptFailure, Limit, Permit } from '../core/attempt.js';
import { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import type { CircuitConfig, CircuitSnapshot, CircuitTransition } from './circuit-snapshot.js';
import {
  afterFailure,
  afterProbe,
  afterSuccess,
  type CircuitState,
  type CircuitStateName,
  CLOSED,
  type ClosedState,
  halfOpened,
  isDue,
  type OpenState,
  openedAt,
  type TransitionReason,
} from './circuit-state.js';
import { ProbeSlots } from './probe-slots.js';
import { BrakesTripDetector, type TripDetector } from './trip-detector.js';
import { judgeFailure, judgeOutcome, judgeResponse, type Verdict } from './verdict.js';

/** What a half-open circuit without a free slot says: how long a trial takes is not known. */
const TRIAL_RETRY_AFTER_MS = 1000;

const TRANSITIONS_KEPT = 20;

/**
 * Stops calls to a target that fails. One object is the guard of every call to that target; while it is
 * closed a call costs a few comparisons, and no timer, promise or object.
 */
export class Circuit implements Limit, Permit {
  /** Name of the circuit in events and snapshots. */
  readonly target: string;
  readonly #config: CircuitConfig;
  readonly #events: BreakerEmitter;
  readonly #clock: Clock;
  readonly #window: TripDetector | undefined;
  #state: CircuitState = CLOSED;
  /** When it last closed, on the clock of attempts, `performance.now()`. */
  #closedSince = 0;
  #lastFailure: { readonly time: number; readonly because: string } | undefined;
  #transitions: CircuitTransition[] = [];

  constructor(target: string, config: CircuitConfig, events: BreakerEmitter, clock: Clock) {
    this.target = target;
    this.#config = config;
    this.#events = events;
    this.#clock = clock;
    const { failureRatio, minimumRequests, windowMs } = config;
    if (failureRatio !== false) {
      this.#window = new BrakesTripDetector({ failureRatio, minimumRequests, windowMs }, clock());
    }
  }

  /** `OPEN` lasts until a call asks after `resetTimeoutMs`: looking at it changes nothing. */
  get state(): CircuitStateName {
    return this.#state.kind;
  }

  /**
   * Asks for a call to go through. A half-open circuit keeps a slot for it, which its first attempt uses.
   * @returns the error to answer with where it may not
   */
  enter(exchange: Exchange): ProxyError | undefined {
    if (this.#state.kind === 'CLOSED') return undefined;
    return this.#ask(exchange);
  }

  admit(_attempt: Attempt, exchange: Exchange): Permit | ProxyError {
    if (this.#state.kind === 'CLOSED') return this;
    return this.#ask(exchange) ?? this;
  }

  /** A status counts at once: what comes of a body that flows for hours is {@link end}'s. */
  head(attempt: Attempt, exchange: Exchange): void {
    this.#judge(attempt, exchange);
  }

  end(attempt: Attempt, exchange: Exchange): void {
    const { outcome, end } = attempt;
    if (outcome?.kind !== 'response') this.#judge(attempt, exchange);
    else if (end?.kind === 'failure') this.#brokeOff(attempt, end);
  }

  #judge(attempt: Attempt, exchange: Exchange): void {
    if (!attempt.outcome) return;
    const verdict = judgeOutcome(attempt.outcome, this.#config.countRateLimited);
    this.#learn(verdict, attempt, attempt.startedAt, exchange);
  }

  #brokeOff(attempt: Attempt, failure: AttemptFailure): void {
    const verdict = judgeFailure(failure);
    if (typeof verdict === 'string') return;
    const state = this.#state;
    if (state.kind === 'CLOSED' && attempt.startedAt >= this.#closedSince) {
      this.#countFailure(state, attempt, verdict.failure, 'reversal');
    }
    // Others than trials that succeeded began before the outage: their end is part of the old story.
    if (state.kind === 'HALF_OPEN' && state.passed.includes(attempt)) this.#probeFailed(verdict.failure);
  }

  blocks(exchange: Exchange): boolean {
    const state = this.#state;
    if (state.kind === 'CLOSED') return false;
    const now = this.#clock();
    return state.kind === 'OPEN' ? !isDue(state, now) : !state.probes.mayTake(exchange, now);
  }

  /**
   * Hears that the response has closed. Where no attempt was made a foreign handler has answered, and its
   * response is what counts. Bound, so that one function serves every call.
   */
  readonly settled = (exchange: Exchange): void => {
    // Its client has left, but it goes on for others: the attempts will tell.
    if (!exchange.abandoned) return;
    const counted = exchange.attempts.length > 0;
    const verdict = counted ? 'neither' : judgeResponse(exchange, this.#config.countRateLimited);
    this.#learn(verdict, exchange, exchange.startedAt, exchange);
  };

  /** Refuses every call until {@link forceClose} or {@link reset}. */
  forceOpen(): void {
    this.#become(this.#opened(this.#state.failures, Number.POSITIVE_INFINITY), 'forced');
  }

  /** Lets calls through and counts afresh; failures open it again as ever. */
  forceClose(): void {
    this.#close('forced');
  }

  /** As {@link forceClose}, and forgets the last failure. */
  reset(): void {
    this.#close('reset');
    this.#lastFailure = undefined;
  }

  /** The circuit at this moment. */
  snapshot(): CircuitSnapshot {
    const state = this.#state;
    const now = this.#clock();
    const { total, failed } = this.#window?.totals(now) ?? { total: 0, failed: 0 };
    return {
      target: this.target,
      state: state.kind,
      failures: state.failures,
      successes: state.kind === 'HALF_OPEN' ? state.passed.length : 0,
      lastFailureTime: this.#lastFailure?.time ?? null,
      lastFailure: this.#lastFailure?.because ?? null,
      timeToResetMs: timeToReset(state, now),
      windowTotal: total,
      failureRatio: total === 0 ? 0 : failed / total,
      config: this.#config,
      transitions: [...this.#transitions],
    };
  }

  /** Frees what it holds of brakes. */
  close(): void {
    this.#window?.close();
  }

  #ask(exchange: Exchange): ProxyError | undefined {
    const now = this.#clock();
    if (this.#state.kind === 'OPEN' && isDue(this.#state, now)) {
      const { maxProbes, probeTimeoutMs } = this.#config;
      const probes = new ProbeSlots(maxProbes, probeTimeoutMs);
      this.#become(halfOpened(this.#state, probes), 'reset timeout passed');
    }
    // Asked anew: a listener may have forced it.
    const state = this.#state;
    if (state.kind === 'CLOSED') return undefined;
    if (state.kind === 'HALF_OPEN' && state.probes.take(exchange, now)) return undefined;
    return this.#refusal(state.kind === 'OPEN' ? this.#retryAfter(state.halfOpensAt, now) : undefined);
  }

  #refusal(retryAfterMs = TRIAL_RETRY_AFTER_MS): ProxyError {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
    if (this.#events.listenerCount('reject') > 0) {
      this.#events.emit('reject', { target: this.target, retryAfterMs });
    }
    return new ProxyError(
      'ERR_CIRCUIT_OPEN',
      `Service temporarily unavailable. Please try again in ${seconds} seconds`,
      { retryAfterMs },
    );
  }

  /** Nobody knows when a forced circuit closes: callers are told to come back as after a failure. */
  #retryAfter(halfOpensAt: number, now: number): number {
    return halfOpensAt === Number.POSITIVE_INFINITY ? this.#config.resetTimeoutMs : halfOpensAt - now;
  }

  #learn(verdict: Verdict, by: object, startedAt: number, holder: Exchange): void {
    const state = this.#state;
    if (state.kind === 'OPEN') return;
    if (state.kind === 'HALF_OPEN') {
      // Without a slot it is a call from before the outage, or a trial that was given up.
      if (!state.probes.end(holder) || verdict === 'neither') return;
      if (verdict !== 'success') return this.#probeFailed(verdict.failure);
      const next = afterProbe(state, by, this.#config.successThreshold);
      if (next.kind === 'CLOSED') this.#close('trials succeeded');
      else this.#state = next;
      return;
    }
    if (verdict === 'success') {
      this.#state = afterSuccess(state, by);
      this.#window?.success(this.#clock());
      return;
    }
    // Calls that hung since before the circuit opened would open it again when they time out.
    if (verdict === 'neither' || startedAt < this.#closedSince) return;
    this.#countFailure(state, by, verdict.failure, 'failure');
  }

  #countFailure(state: ClosedState, by: object, because: string, as: 'failure' | 'reversal'): void {
    const next = afterFailure(state, by);
    const tripped = this.#window?.[as](this.#clock()) ?? false;
    if (next.failures >= this.#config.failureThreshold) {
      this.#become(this.#opened(next.failures), 'failures in a row', because);
    } else if (tripped) {
      this.#become(this.#opened(next.failures), 'failure ratio', because);
    } else {
      this.#become(next, undefined, because);
    }
  }

  #probeFailed(because: string): void {
    this.#become(this.#opened(this.#state.failures), 'trial failed', because);
  }

  #opened(failures: number, resetTimeoutMs = this.#config.resetTimeoutMs): OpenState {
    return openedAt(this.#clock(), resetTimeoutMs, failures);
  }

  #close(reason: TransitionReason): void {
    this.#closedSince = performance.now();
    this.#window?.reset(this.#clock());
    this.#become(CLOSED, reason);
  }

  // Listeners come last: one that throws leaves the circuit whole, one that forces it has the last word.
  #become(next: CircuitState, reason: TransitionReason | undefined, because?: string): void {
    const time = Math.round(this.#clock());
    const from = this.#state.kind;
    this.#state = next;
    if (because !== undefined) this.#lastFailure = { time, because };
    if (reason && from !== next.kind) {
      this.#transitions.push({ time, from, to: next.kind, reason });
      if (this.#transitions.length > TRANSITIONS_KEPT) this.#transitions.shift();
    }
    if (because !== undefined && this.#events.listenerCount('failure') > 0) {
      this.#events.emit('failure', { target: this.target, because });
    }
    if (reason && from !== next.kind && this.#state === next) this.#announce(next, reason);
  }

  #announce(next: CircuitState, reason: TransitionReason): void {
    const { target } = this;
    if (next.kind === 'CLOSED') this.#events.emit('close', { target, reason });
    if (next.kind === 'HALF_OPEN') this.#events.emit('halfOpen', { target });
    if (next.kind === 'OPEN') {
      const retryAfterMs = this.#retryAfter(next.halfOpensAt, next.openedAt);
      this.#events.emit('open', { target, reason, failures: next.failures, retryAfterMs });
    }
  }
}

function timeToReset(state: CircuitState, now: number): number | null {
  if (state.kind !== 'OPEN') return 0;
  if (state.halfOpensAt === Number.POSITIVE_INFINITY) return null;
  return Math.max(0, Math.ceil(state.halfOpensAt - now));
}
