import type { AttemptOutcome } from './attempt.js';

/** Decides which attempts are followed by another. Set by `retry()`, used by the attempt loop. */
export interface RetryPolicyOf<Call> {
  /** Maximum bytes of a request body that are buffered to be sent again. */
  readonly maxBodyBytes: number;
  /** Timeout of the whole call up to the accepted head, back-off included. */
  readonly totalTimeoutMs: number;
  /**
   * Whether a call with this method may be sent twice.
   * @param status of the response after which it would be; without it, whether there is any
   */
  resends(method: string, status?: number): boolean;
  /** Milliseconds to wait before the next attempt; `undefined` if this outcome is passed on. */
  delayAfter(outcome: AttemptOutcome, call: RetryContextOf<Call>): number | undefined;
  /** Takes one attempt out of what may be sent again, which costs no wait. @returns whether there was one left */
  spend?(): boolean;
  /** Runs `again` until it resolves; called only after a first attempt has failed. */
  drive(again: (giveUp: (error: Error) => void) => Promise<void>): Promise<void>;
}

/** What a retry policy decides by. */
export interface RetryContextOf<Call> {
  readonly exchange: Call;
  readonly method: string;
  /** Attempts made that count against `maxAttempts`. */
  readonly attemptsMade: number;
  /** Time since the call began. */
  readonly elapsedMs: number;
  /** Time that another attempt needs at least to be worth its beginning. */
  readonly leastMs: number;
  /** The part of the body that was sent can be sent again. */
  readonly replayable: boolean;
  /** The call has an idempotency key, by which the target recognises a repetition. */
  readonly keyed: boolean;
}
