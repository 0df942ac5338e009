import type { Attempt, AttemptFailure } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import { CircuitNews } from './circuit-news.js';
import { CircuitRecord } from './circuit-record.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot } from './circuit-snapshot.js';
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
import { snapshotOf } from './circuit-view.js';
import { OneEvent } from './one-event.js';
import { ProbeSlots } from './probe-slots.js';
import { SlowCalls } from './slow-calls.js';
import { BrakesTripDetector, type TripDetector } from './trip-detector.js';
import { judgeFailure, judgeOutcome, judgeResponse, type TargetFailure, type Verdict } from './verdict.js';

/** `Retry-After` of a half-open circuit without a free slot: nobody knows how long a probe takes. */
const PROBE_RETRY_AFTER_MS = 1000;

/** An attempt, or a call that another handler than `forward()` responds to. */
type Begun = Pick<Attempt, 'startedAt'>;

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
  readonly #news: CircuitNews;
  readonly #clock: Clock;
  readonly #window: TripDetector | undefined;
  readonly #slow: SlowCalls | undefined;
  readonly #record = new CircuitRecord();
  #state: CircuitState = CLOSED;
  /** When it last closed, by `performance.now()`, as the times of attempts are. */
  #closedSince = 0;
  readonly #cuts = new OneEvent();
  /** How often it has opened again since it was closed. */
  #reopened = 0;

  constructor({ api, circuit }: CircuitName, config: CircuitConfig, events: BreakerEmitter, clock: Clock) {
    this.api = api;
    this.circuit = circuit;
    this.#config = config;
    this.#news = new CircuitNews({ api, circuit }, events);
    this.#clock = clock;
    const { failureRatio, minimumRequests, windowMs, slowCallMs } = config;
    if (slowCallMs !== false) this.#slow = new SlowCalls(slowCallMs, config, clock());
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
    if (end?.kind === 'failure' && end.by !== 'target') this.#record.sparedTarget(end.by);
    // Nobody waited any more, or this process has ended the call.
    if (end?.kind === 'cancelled' && outcome?.kind !== 'response')
      this.#record.sparedTarget(exchange.abandoned ? 'client' : 'self');
  }

  #judge(attempt: Attempt, exchange: Exchange): void {
    if (!attempt.outcome) return;
    const verdict = judgeOutcome(attempt.outcome, this.#config);
    this.#weigh(verdict, this.#slow?.failureOf(attempt), attempt, exchange);
  }

  /** Learns from the time that a call took, too; one without a verdict may have been slow. */
  #weigh(verdict: Verdict, slow: TargetFailure | undefined, by: Begun, holder: Exchange): void {
    if (!this.#slow) return this.#learn(verdict, by, holder);
    // A circuit that has opened for slowness would close by responses that are as slow.
    const probing = this.#state.kind === 'HALF_OPEN';
    this.#learn(probing && slow && typeof verdict === 'string' ? slow : verdict, by, holder);
    if (!probing && (slow || verdict !== 'neither')) this.#timed(slow, by.startedAt);
  }

  #timed(slow: TargetFailure | undefined, startedAt: number): void {
    const state = this.#state;
    if (state.kind !== 'CLOSED' || startedAt < this.#closedSince) return;
    const now = this.#clock();
    const cause = this.#slow?.count(slow !== undefined, now);
    if (!slow || cause === undefined) return;
    this.#record.failed(now, slow);
    this.#record.openedWith = { slow: this.#slow?.totals(now).failed ?? 0 };
    this.#become(this.#opened(state.failures, cause), 'slow call ratio', slow);
  }

  #brokeOff(attempt: Attempt, failure: AttemptFailure): void {
    const verdict = judgeFailure(failure);
    if (verdict === 'neither') return;
    const state = this.#state;
    if (state.kind === 'CLOSED' && attempt.startedAt >= this.#closedSince) {
      if (this.#cuts.isAnother(attempt.startedAt)) this.#countFailure(state, attempt, verdict, 'reversal');
      else this.#window?.withdrawal();
    }
    // Unless it is a probe that had succeeded, the response began before the outage and says nothing new.
    if (state.kind === 'HALF_OPEN' && state.passed.includes(attempt)) this.#probeFailed(state, verdict);
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
    const verdict = exchange.attempts.length > 0 ? 'neither' : judgeResponse(exchange, this.#config);
    const slow = verdict === 'neither' ? undefined : this.#slow?.failureSince(exchange.startedAt);
    this.#weigh(verdict, slow, exchange, exchange);
  };

  /** Refuses every call until {@link forceClose} or {@link reset}. */
  forceOpen(): void {
    const { kind, failures } = this.#state;
    if (kind === 'CLOSED') this.#record.openedWith = this.#record.causesOf(failures);
    this.#become(openedAt(this.#clock(), Number.POSITIVE_INFINITY, failures), 'forced');
  }

  /** Closes the circuit and starts counting from zero; failures open it again as usual. */
  forceClose(): void {
    this.#close('forced');
  }

  /** Like {@link forceClose}, and forgets the last failure too. */
  reset(): void {
    this.#close('reset');
    this.#record.reset();
  }

  /** The state of the circuit now. */
  snapshot(): CircuitSnapshot {
    const now = this.#clock();
    return snapshotOf({
      name: { api: this.api, circuit: this.circuit },
      config: this.#config,
      state: this.#state,
      record: this.#record,
      openForMs: this.#openForMs,
      window: this.#window?.totals(now),
      slow: this.#slow?.totals(now),
      now,
    });
  }

  /** Frees the resources of its window. */
  close(): void {
    this.#window?.close();
    this.#slow?.close();
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
    return this.#news.rejected(state, this.#record.lastFailure?.because, retryAfterMs);
  }

  /** Nobody knows when a forced circuit closes: callers get the same time as after a failure. */
  #retryAfter(halfOpensAt: number, now: number): number {
    return halfOpensAt === Number.POSITIVE_INFINITY ? this.#config.resetTimeoutMs : halfOpensAt - now;
  }

  #learn(verdict: Verdict, by: Begun, holder: Exchange): void {
    const state = this.#state;
    if (state.kind === 'OPEN') return;
    if (state.kind === 'HALF_OPEN') {
      // Without a slot it is a call from before the outage, or a probe that has timed out.
      if (!state.probes.end(holder) || verdict === 'neither') return;
      if (verdict !== 'success') return this.#probeFailed(state, verdict);
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
    if (verdict === 'neither' || by.startedAt < this.#closedSince) return;
    this.#countFailure(state, by, verdict, 'failure');
  }

  #countFailure(state: ClosedState, by: object, failure: TargetFailure, as: 'failure' | 'reversal'): void {
    const next = afterFailure(state, by);
    const now = this.#clock();
    const tripped = this.#window?.[as](now) ?? false;
    this.#record.failed(now, failure);
    if (next.failures >= this.#config.failureThreshold) {
      this.#record.openedWith = this.#record.causesOf(next.failures);
      this.#become(this.#opened(next.failures), 'failures in a row', failure);
    } else if (this.#window && tripped) {
      const { total, failed } = this.#window.totals(now);
      this.#record.openedWith = this.#record.causesSince(now - this.#config.windowMs);
      const cause = `after ${failed} of ${total} attempts failed`;
      this.#become(this.#opened(next.failures, cause), 'failure ratio', failure);
    } else {
      this.#become(next, undefined, failure);
    }
  }

  #probeFailed({ failures, cause }: HalfOpenState, failure: TargetFailure): void {
    this.#record.failed(this.#clock(), failure);
    this.#reopened++;
    this.#become(this.#opened(failures, cause), 'probe failed', failure);
  }

  #opened(failures: number, cause?: string): OpenState {
    return openedAt(this.#clock(), this.#openForMs, failures, cause);
  }

  /** Longer each time that the probes have failed. */
  get #openForMs(): number {
    const { resetTimeoutMs, backoffFactor, maxResetTimeoutMs } = this.#config;
    return Math.min(maxResetTimeoutMs, resetTimeoutMs * backoffFactor ** this.#reopened);
  }

  #close(reason: TransitionReason): void {
    this.#closedSince = performance.now();
    this.#reopened = 0;
    this.#window?.reset(this.#clock());
    this.#slow?.reset(this.#clock());
    this.#record.closed();
    this.#become(CLOSED, reason);
  }

  // Listeners run last: one that throws leaves the state complete, and one that forces the circuit prevails.
  #become(next: CircuitState, reason: TransitionReason | undefined, failure?: TargetFailure): void {
    const from = this.#state.kind;
    this.#state = next;
    if (reason && from !== next.kind) this.#record.turned(this.#clock(), from, next.kind, reason);
    if (failure) this.#news.failed(failure);
    if (!reason || from === next.kind || this.#state !== next) return;
    const retryAfterMs = next.kind === 'OPEN' ? this.#retryAfter(next.halfOpensAt, next.openedAt) : 0;
    this.#news.turned(next, reason, this.#record.openedWith, retryAfterMs);
  }
}
