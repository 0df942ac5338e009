import type { Attempt, AttemptFailure } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot, CircuitTransition } from './circuit-snapshot.js';
import {
  afterFailure,
  afterProbe,
  afterSuccess,
  type CircuitState,
  type CircuitStateName,
  CLOSED,
  type ClosedState,
  type HalfOpenState,
  halfOpened,
  isDue,
  type OpenState,
  openedAt,
  type TransitionReason,
} from './circuit-state.js';
import { ProbeSlots } from './probe-slots.js';
import { circuitError } from './refusal.js';
import { BrakesTripDetector, type TripDetector } from './trip-detector.js';
import { judgeFailure, judgeOutcome, judgeResponse, type Verdict } from './verdict.js';

/** `Retry-After` of a half-open circuit without a free slot: nobody knows how long a probe takes. */
const PROBE_RETRY_AFTER_MS = 1000;

const TRANSITIONS_KEPT = 20;

/**
 * Stops calls to a target that fails. One instance guards every call to that target. While it is closed, a
 * call costs a few comparisons and allocates nothing.
 */
export class Circuit implements Limit, Permit {
  /** Name of its breaker: usually that of the API. */
  readonly api: string;
  /** Name of the circuit: that of its breaker, followed by `:key` where circuits are kept by key. */
  readonly circuit: string;
  readonly #config: CircuitConfig;
  readonly #events: BreakerEmitter;
  readonly #clock: Clock;
  readonly #window: TripDetector | undefined;
  #state: CircuitState = CLOSED;
  /** When it last closed, by `performance.now()`, as the times of attempts are. */
  #closedSince = 0;
  #lastFailure: { readonly time: number; readonly because: string } | undefined;
  #transitions: CircuitTransition[] = [];

  constructor({ api, circuit }: CircuitName, config: CircuitConfig, events: BreakerEmitter, clock: Clock) {
    this.api = api;
    this.circuit = circuit;
    this.#config = config;
    this.#events = events;
    this.#clock = clock;
    const { failureRatio, minimumRequests, windowMs } = config;
    if (failureRatio !== false) {
      this.#window = new BrakesTripDetector({ failureRatio, minimumRequests, windowMs }, clock());
    }
  }

  /** Stays `OPEN` after `resetTimeoutMs` until the next call comes: reading it changes nothing. */
  get state(): CircuitStateName {
    return this.#state.kind;
  }

  /**
   * Asks whether a call may go through. A half-open circuit reserves a slot, which the first attempt uses.
   * @returns the error to respond with if it may not
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
    // Unless it is a probe that had succeeded, the response began before the outage and says nothing new.
    if (state.kind === 'HALF_OPEN' && state.passed.includes(attempt))
      this.#probeFailed(state, verdict.failure);
  }

  blocks(exchange: Exchange): boolean {
    const state = this.#state;
    if (state.kind === 'CLOSED') return false;
    const now = this.#clock();
    return state.kind === 'OPEN' ? !isDue(state, now) : !state.probes.mayTake(exchange, now);
  }

  /**
   * Called when the response has closed. If no attempt was made, another handler than `forward()` has responded,
   * and its response counts. A bound property, so that one function serves every call.
   */
  readonly settled = (exchange: Exchange): void => {
    // Its client has left, but the call goes on for others: its attempts will count.
    if (!exchange.abandoned) return;
    const counted = exchange.attempts.length > 0;
    const verdict = counted ? 'neither' : judgeResponse(exchange, this.#config.countRateLimited);
    this.#learn(verdict, exchange, exchange.startedAt, exchange);
  };

  /** Refuses every call until {@link forceClose} or {@link reset}. */
  forceOpen(): void {
    this.#become(openedAt(this.#clock(), Number.POSITIVE_INFINITY, this.#state.failures), 'forced');
  }

  /** Closes the circuit and starts counting from zero; failures open it again as usual. */
  forceClose(): void {
    this.#close('forced');
  }

  /** Like {@link forceClose}, and forgets the last failure too. */
  reset(): void {
    this.#close('reset');
    this.#lastFailure = undefined;
  }

  /** The state of the circuit now. */
  snapshot(): CircuitSnapshot {
    const state = this.#state;
    const now = this.#clock();
    const { total, failed } = this.#window?.totals(now) ?? { total: 0, failed: 0 };
    return {
      api: this.api,
      circuit: this.circuit,
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

  /** Frees the resources of its window. */
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
    // Read again: a listener may have forced it.
    const state = this.#state;
    if (state.kind === 'CLOSED') return undefined;
    if (state.kind === 'HALF_OPEN' && state.probes.take(exchange, now)) return undefined;
    const retryAfterMs =
      state.kind === 'OPEN' ? this.#retryAfter(state.halfOpensAt, now) : PROBE_RETRY_AFTER_MS;
    if (this.#events.has('reject')) {
      this.#events.emit('reject', { ...this.#name, retryAfterMs });
    }
    return circuitError(this.api, state, this.#lastFailure?.because, retryAfterMs);
  }

  get #name(): CircuitName {
    return { api: this.api, circuit: this.circuit };
  }

  /** Nobody knows when a forced circuit closes: callers get the same time as after a failure. */
  #retryAfter(halfOpensAt: number, now: number): number {
    return halfOpensAt === Number.POSITIVE_INFINITY ? this.#config.resetTimeoutMs : halfOpensAt - now;
  }

  #learn(verdict: Verdict, by: object, startedAt: number, holder: Exchange): void {
    const state = this.#state;
    if (state.kind === 'OPEN') return;
    if (state.kind === 'HALF_OPEN') {
      // Without a slot it is a call from before the outage, or a probe that has timed out.
      if (!state.probes.end(holder) || verdict === 'neither') return;
      if (verdict !== 'success') return this.#probeFailed(state, verdict.failure);
      const next = afterProbe(state, by, this.#config.successThreshold);
      if (next.kind === 'CLOSED') this.#close('probes succeeded');
      else this.#state = next;
      return;
    }
    if (verdict === 'success') {
      this.#state = afterSuccess(state, by);
      this.#window?.success(this.#clock());
      return;
    }
    // Calls that have hung since before the circuit opened would open it again when they time out.
    if (verdict === 'neither' || startedAt < this.#closedSince) return;
    this.#countFailure(state, by, verdict.failure, 'failure');
  }

  #countFailure(state: ClosedState, by: object, because: string, as: 'failure' | 'reversal'): void {
    const next = afterFailure(state, by);
    const now = this.#clock();
    const tripped = this.#window?.[as](now) ?? false;
    if (next.failures >= this.#config.failureThreshold) {
      this.#become(this.#opened(next.failures), 'failures in a row', because);
    } else if (this.#window && tripped) {
      const { total, failed } = this.#window.totals(now);
      const cause = `after ${failed} of ${total} attempts failed`;
      this.#become(this.#opened(next.failures, cause), 'failure ratio', because);
    } else {
      this.#become(next, undefined, because);
    }
  }

  #probeFailed({ failures, cause }: HalfOpenState, because: string): void {
    this.#become(this.#opened(failures, cause), 'probe failed', because);
  }

  #opened(failures: number, cause?: string): OpenState {
    return openedAt(this.#clock(), this.#config.resetTimeoutMs, failures, cause);
  }

  #close(reason: TransitionReason): void {
    this.#closedSince = performance.now();
    this.#window?.reset(this.#clock());
    this.#become(CLOSED, reason);
  }

  // Listeners run last: one that throws leaves the state complete, and one that forces the circuit prevails.
  #become(next: CircuitState, reason: TransitionReason | undefined, because?: string): void {
    const time = Math.round(this.#clock());
    const from = this.#state.kind;
    this.#state = next;
    if (because !== undefined) this.#lastFailure = { time, because };
    if (reason && from !== next.kind) {
      this.#transitions.push({ time, from, to: next.kind, reason });
      if (this.#transitions.length > TRANSITIONS_KEPT) this.#transitions.shift();
    }
    if (because !== undefined && this.#events.has('failure')) {
      this.#events.emit('failure', { ...this.#name, because });
    }
    if (reason && from !== next.kind && this.#state === next) this.#announce(next, reason);
  }

  #announce(next: CircuitState, reason: TransitionReason): void {
    const name = this.#name;
    if (next.kind === 'CLOSED') this.#events.emit('close', { ...name, reason });
    if (next.kind === 'HALF_OPEN') this.#events.emit('halfOpen', name);
    if (next.kind === 'OPEN') {
      const retryAfterMs = this.#retryAfter(next.halfOpensAt, next.openedAt);
      this.#events.emit('open', { ...name, reason, failures: next.failures, retryAfterMs });
    }
  }
}

function timeToReset(state: CircuitState, now: number): number | null {
  if (state.kind !== 'OPEN') return 0;
  if (state.halfOpensAt === Number.POSITIVE_INFINITY) return null;
  return Math.max(0, Math.ceil(state.halfOpensAt - now));
}
