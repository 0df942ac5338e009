import type { Attempt } from '../core/attempt.js';
import type { CircuitConfig } from './circuit-snapshot.js';
import type { TransitionReason } from './circuit-state.js';
import { SlowCalls } from './slow-calls.js';
import { BrakesTripDetector, type TripDetector } from './trip-detector.js';
import type { TargetFailure } from './verdict.js';

/** Why a circuit is to open. */
export interface Trip {
  readonly reason: TransitionReason;
  /** For messages: `after 11 of 20 attempts failed`; `undefined` for failures in a row, whose number says it. */
  readonly cause: string | undefined;
}

interface Totals {
  readonly total: number;
  readonly failed: number;
}

/** The windows of one circuit, and the rules by which it opens. */
export class CircuitCounts {
  readonly #config: CircuitConfig;
  readonly #window: TripDetector | undefined;
  readonly #slow: SlowCalls | undefined;

  constructor(config: CircuitConfig, now: number) {
    this.#config = config;
    const { failureRatio, minimumRequests, windowMs, slowCallMs } = config;
    if (slowCallMs !== false) this.#slow = new SlowCalls(slowCallMs, config, now);
    if (failureRatio !== false)
      this.#window = new BrakesTripDetector({ failureRatio, minimumRequests, windowMs }, now);
  }

  /** Whether the time of calls is looked at. */
  get times(): boolean {
    return this.#slow !== undefined;
  }

  slowFailureOf(attempt: Attempt): TargetFailure | undefined {
    return this.#slow?.failureOf(attempt);
  }

  slowFailureSince(startedAt: number): TargetFailure | undefined {
    return this.#slow?.failureSince(startedAt);
  }

  success(now: number): void {
    this.#window?.success(now);
  }

  /** Takes back what was counted as a success before. */
  withdrawal(): void {
    this.#window?.withdrawal();
  }

  /** @param inARow failed attempts in a row, with this one */
  failure(inARow: number, as: 'failure' | 'reversal', now: number): Trip | undefined {
    const tripped = this.#window?.[as](now) ?? false;
    if (inARow >= this.#config.failureThreshold) return { reason: 'failures in a row', cause: undefined };
    if (!this.#window || !tripped) return undefined;
    const { total, failed } = this.#window.totals(now);
    return { reason: 'failure ratio', cause: `after ${failed} of ${total} attempts failed` };
  }

  /** Counts the time of a call. */
  timed(slow: boolean, now: number): Trip | undefined {
    const cause = this.#slow?.count(slow, now);
    return cause === undefined ? undefined : { reason: 'slow call ratio', cause };
  }

  /** Calls in the window of `failureRatio`. */
  totals(now: number): Totals | undefined {
    return this.#window?.totals(now);
  }

  slowTotals(now: number): Totals | undefined {
    return this.#slow?.totals(now);
  }

  reset(now: number): void {
    this.#window?.reset(now);
    this.#slow?.reset(now);
  }

  close(): void {
    this.#window?.close();
    this.#slow?.close();
  }
}
