import type { Attempt } from '../core/attempt.js';
import type { CircuitConfig } from './circuit-snapshot.js';
import { BrakesTripDetector } from './trip-detector.js';
import type { TargetFailure } from './verdict.js';

type SlowRule = Pick<CircuitConfig, 'slowCallRatio' | 'minimumRequests' | 'windowMs'>;

/** The slow calls of a circuit, in a window of their own: a call may be slow and succeed, or have no outcome at all. */
export class SlowCalls {
  readonly #slowCallMs: number;
  readonly #window: BrakesTripDetector;

  constructor(slowCallMs: number, { slowCallRatio, minimumRequests, windowMs }: SlowRule, now: number) {
    this.#slowCallMs = slowCallMs;
    this.#window = new BrakesTripDetector({ failureRatio: slowCallRatio, minimumRequests, windowMs }, now);
  }

  /**
   * What a slow attempt says about the target; `undefined` where it was fast. Only the time counts in which the target
   * had all of the request: until its head, or until nobody waited any more.
   */
  failureOf({ startedAt, durationMs, sentAt, outcome }: Attempt): TargetFailure | undefined {
    if (sentAt === undefined || (outcome?.kind === 'failure' && outcome.by !== 'target')) return undefined;
    return this.#failure(durationMs - (sentAt - startedAt));
  }

  /** The same of a call that has ended now. */
  failureSince(startedAt: number): TargetFailure | undefined {
    return this.#failure(performance.now() - startedAt);
  }

  #failure(tookMs: number): TargetFailure | undefined {
    if (tookMs < this.#slowCallMs) return undefined;
    return { failure: `no response within ${Math.round(this.#slowCallMs)} ms`, cause: 'slow' };
  }

  /** Counts a call. @returns why the circuit is to open, if the share of slow ones is reached */
  count(slow: boolean, now: number): string | undefined {
    if (!slow) {
      this.#window.success(now);
      return undefined;
    }
    if (!this.#window.failure(now)) return undefined;
    const { total, failed } = this.totals(now);
    return `after ${failed} of ${total} calls took ${this.#slowCallMs} ms or more`;
  }

  /** Number of calls in the window. */
  totals(now: number): { total: number; failed: number } {
    return this.#window.totals(now);
  }

  reset(now: number): void {
    this.#window.reset(now);
  }

  close(): void {
    this.#window.close();
  }
}
