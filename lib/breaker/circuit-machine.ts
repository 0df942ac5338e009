import type { Attempt } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import { CircuitCounts, type Trip } from './circuit-counts.js';
import { CircuitNews } from './circuit-news.js';
import { CircuitRecord } from './circuit-record.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot } from './circuit-snapshot.js';
import {
  afterFailure,
  afterProbe,
  afterSuccess,
  type CircuitState,
  CLOSED,
  type ClosedState,
  type HalfOpenState,
  halfOpened,
  isDue,
  type OpenState,
  openAgain,
  openedAt,
  openedElsewhere,
  openForMs,
  resumed,
  retryAfterOf,
  type TransitionReason,
} from './circuit-state.js';
import { reportOf, snapshotOf } from './circuit-view.js';
import { ProbeSlots } from './probe-slots.js';
import type { CircuitReport, CircuitShare, JoinCircuit, OwnTrip, SharedState } from './store/store.js';
import type { TargetFailure, Verdict } from './verdict.js';

/** An attempt, or a call that another handler than `forward()` responds to. */
export type Begun = Pick<Attempt, 'startedAt'>;

/**
 * The state of one circuit: what it learns from each outcome, from its operators, and from other processes. While it is
 * closed, a success costs a few comparisons and allocates nothing.
 */
export class CircuitMachine {
  readonly #name: CircuitName;
  readonly config: CircuitConfig;
  readonly #news: CircuitNews;
  readonly clock: Clock;
  readonly counts: CircuitCounts;
  readonly share: CircuitShare | undefined;
  readonly record = new CircuitRecord();
  current: CircuitState = CLOSED;
  /** When it last closed, by `performance.now()`, as the times of attempts are. */
  closedSince = 0;
  /** How often it has opened again since it was closed. */
  #reopened = 0;
  /** Why this process has opened it; `undefined` where others have, or it is closed. */
  #trip: OwnTrip | undefined;

  constructor(
    { api, circuit }: CircuitName,
    config: CircuitConfig,
    events: BreakerEmitter,
    clock: Clock,
    join?: JoinCircuit,
  ) {
    this.#name = { api, circuit };
    this.config = config;
    this.#news = new CircuitNews({ api, circuit }, events);
    this.clock = clock;
    this.counts = new CircuitCounts(config, clock());
    this.share = join?.({
      name: { api, circuit },
      report: () => this.#report(clock()),
      adopt: (state) => this.#adopt(state),
    });
  }

  /**
   * Asks the other processes for the right to probe, where one at a time has it.
   * @returns `undefined` where there is nobody to ask; else {@link enterLate} is next
   */
  askOthers(): Promise<void> | undefined {
    const state = this.current;
    if (state.kind !== 'OPEN' || !state.fleet || !this.share) return undefined;
    if (this.share.isTaken || !isDue(state, this.clock())) return undefined;
    return this.share.take().then((passed) => {
      if (passed === undefined) return;
      this.#halfOpen(state, passed);
      if (this.current.kind !== 'HALF_OPEN') this.share?.release();
    });
  }

  /** The call that has asked for it leaves the right to probe to others. */
  unused(): void {
    if (this.current.kind === 'HALF_OPEN') this.#probesOver(this.current);
  }

  /** Refuses every call until `forceClose()` or `reset()`. */
  forceOpen(): void {
    const { kind, failures } = this.current;
    if (kind === 'CLOSED') this.record.openedWith = this.record.causesOf(failures);
    this.#trip = undefined;
    const fleet = this.share && { by: this.share.process, version: undefined };
    this.share?.force('open');
    this.#become({ ...openedAt(this.clock(), Number.POSITIVE_INFINITY, failures), fleet }, 'forced');
  }

  /** Closes the circuit and starts counting from zero; failures open it again as usual. */
  forceClose(): void {
    this.share?.force('close');
    this.#close('forced');
  }

  /** Like {@link forceClose}, and forgets the last failure too. */
  reset(): void {
    this.share?.force('reset');
    this.#close('reset');
    this.record.reset();
  }

  /** The state of the circuit now. */
  snapshot(): CircuitSnapshot {
    const now = this.clock();
    return snapshotOf({
      name: this.#name,
      config: this.config,
      state: this.current,
      record: this.record,
      openForMs: openForMs(this.config, this.#reopened),
      window: this.counts.totals(now),
      slow: this.counts.slowTotals(now),
      share: this.share,
      now,
    });
  }

  /** Goes on with what another knows, by its own rules; counting starts from zero. Nothing turns, so nothing is told. */
  resume(known: CircuitMachine): void {
    // What all processes know, it has from them.
    if (this.share || this.current.kind !== 'CLOSED') return;
    this.record.resume(known.record);
    this.closedSince = known.closedSince;
    this.#reopened = known.#reopened;
    this.current = resumed(known.current, openForMs(this.config, this.#reopened), this.clock());
  }

  /** Frees the resources of its window. */
  close(): void {
    this.counts.close();
    this.share?.leave();
  }

  ask(exchange: Exchange): ProxyError | undefined {
    const now = this.clock();
    const before = this.current;
    if (before.kind === 'OPEN' && !(before.fleet && this.share) && isDue(before, now)) this.#halfOpen(before);
    // Read again: a listener may have forced it.
    const state = this.current;
    if (state.kind === 'CLOSED') return undefined;
    if (state.kind === 'HALF_OPEN' && state.probes.take(exchange, now)) return undefined;
    const retryAfterMs = retryAfterOf(state, this.config.resetTimeoutMs, now);
    return this.#news.rejected(state, this.record.lastFailure?.because, retryAfterMs);
  }

  #halfOpen(state: OpenState, passed = 0): void {
    const { maxProbes, probeTimeoutMs } = this.config;
    if (this.current === state)
      this.#become(
        halfOpened(state, new ProbeSlots(maxProbes, probeTimeoutMs), passed),
        'reset timeout passed',
      );
  }

  learn(verdict: Verdict, by: Begun, holder: Exchange): void {
    const state = this.current;
    if (state.kind === 'OPEN') return;
    if (state.kind === 'HALF_OPEN') {
      // Without a slot it is a call from before the outage, or a probe that has timed out.
      if (!state.probes.end(holder)) return;
      if (verdict === 'neither') return this.#probesOver(state);
      if (verdict !== 'success') return this.probeFailed(state, verdict);
      const next = afterProbe(state, by, this.config.successThreshold);
      const closes = next.kind === 'CLOSED';
      if (state.fleet) this.share?.probed({ ok: true, closes, lastFailure: undefined });
      if (closes) return this.#close('probes succeeded');
      this.current = next;
      this.#probesOver(next);
      return;
    }
    if (verdict === 'success') {
      this.current = afterSuccess(state, by);
      this.counts.success(this.clock());
      if (state.failures > 0) this.share?.changed();
      return;
    }
    // Calls that have hung since before the circuit opened would open it again when they time out.
    if (verdict === 'neither' || by.startedAt < this.closedSince) return;
    this.countFailure(state, by, verdict, 'failure');
  }

  countFailure(state: ClosedState, by: object, failure: TargetFailure, as: 'failure' | 'reversal'): void {
    const next = afterFailure(state, by);
    const { failures } = next;
    const now = this.clock();
    const trip = this.counts.failure(failures, as, now);
    this.share?.changed();
    this.record.failed(now, failure);
    if (!trip) return this.#become(next, undefined, failure);
    const inARow = trip.reason === 'failures in a row';
    const since = now - this.config.windowMs;
    this.record.openedWith = inARow ? this.record.causesOf(failures) : this.record.causesSince(since);
    this.openBy(trip, failures, failure);
  }

  openBy({ reason, cause }: Trip, failures: number, failure: TargetFailure): void {
    const open = this.#opened(failures, cause);
    this.#trip = { reason, cause: open.cause };
    this.share?.changed();
    this.#become(open, reason, failure);
  }

  /** Others may probe where none of this process is under way any more. */
  #probesOver(state: HalfOpenState): void {
    const { fleet } = state;
    if (!fleet || !this.share || !state.probes.isEmpty) return;
    this.current = openAgain({ ...state, fleet }, this.clock());
    this.share.release();
  }

  probeFailed({ failures, cause, fleet }: HalfOpenState, failure: TargetFailure): void {
    this.record.failed(this.clock(), failure);
    this.#reopened++;
    if (fleet) this.share?.probed({ ok: false, closes: false, lastFailure: failure.failure });
    else this.share?.changed();
    this.#become({ ...this.#opened(failures, cause), fleet }, 'probe failed', failure);
  }

  #report(now: number): CircuitReport | undefined {
    const window = this.counts.totals(now);
    return reportOf(this.current, this.record, window, this.#trip, now - this.config.windowMs);
  }

  /** Goes on with what all processes know. */
  #adopt(shared: SharedState): void {
    const { version, by, reason } = shared;
    const before = this.current;
    if (before.kind !== 'CLOSED' && version === before.fleet?.version) return;
    if (shared.kind === 'CLOSED') {
      this.#close(reason, by);
      if (reason === 'reset') this.record.reset();
      return;
    }
    const now = this.clock();
    this.#trip = undefined;
    this.#reopened = shared.reopened;
    this.record.openedElsewhere(shared, now);
    this.#become(openedElsewhere(shared, now), reason);
  }

  /** The name under which it closes for others, too. */
  get #speaksFor(): string | undefined {
    return this.current.kind === 'CLOSED' || this.current.fleet ? this.share?.process : undefined;
  }

  #opened(failures: number, cause?: string): OpenState {
    return openedAt(this.clock(), openForMs(this.config, this.#reopened), failures, cause);
  }

  #close(reason: TransitionReason, by = this.#speaksFor): void {
    this.closedSince = performance.now();
    this.#reopened = 0;
    this.#trip = undefined;
    this.counts.reset(this.clock());
    this.record.closed();
    this.#become(CLOSED, reason, undefined, by);
  }

  // Listeners run last: one that throws leaves the state complete, and one that forces the circuit prevails.
  #become(next: CircuitState, reason?: TransitionReason, failure?: TargetFailure, by?: string): void {
    const before = this.current;
    const from = before.kind;
    this.current = next;
    if (reason && from !== next.kind) this.record.turned(this.clock(), from, next.kind, reason);
    if (failure) this.#news.failed(failure);
    const spread = before.kind === 'OPEN' && !before.fleet && next.kind === 'OPEN' && next.fleet;
    if (!reason || (from === next.kind && !spread) || this.current !== next) return;
    const { openedWith } = this.record;
    const { resetTimeoutMs } = this.config;
    const retryAfterMs = next.kind === 'OPEN' ? retryAfterOf(next, resetTimeoutMs, next.openedAt) : 0;
    this.#news.turned(next, { reason, openedWith, retryAfterMs, by });
  }
}
