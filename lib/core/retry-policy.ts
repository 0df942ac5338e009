import type { AttemptOutcome } from './attempt.js';
import type { Exchange } from './exchange.js';

/** Decides which attempts are followed by another; set by `retry()`, driven by the attempt loop. */
export interface RetryPolicy {
  /** Up to this many bytes of a request body are buffered to be sent again. */
  readonly maxBodyBytes: number;
  /** Bound on the whole call up to the accepted head, back-off included. */
  readonly totalTimeoutMs: number;
  /** Whether a call by this method may be sent twice. */
  resends(method: string): boolean;
  /** Milliseconds to wait before the next attempt; `undefined` passes this outcome on. */
  delayAfter(outcome: AttemptOutcome, call: RetryContext): number | undefined;
  /** Runs `again` until it resolves; entered only when a first attempt has failed. */
  drive(again: (giveUp: (error: Error) => void) => Promise<void>): Promise<void>;
}

/** What a retry policy may look at. */
export interface RetryContext {
  readonly exchange: Exchange;
  readonly method: string;
  /** Attempts made that count against `maxAttempts`. */
  readonly attemptsMade: number;
  /** Time since the call began. */
  readonly elapsedMs: number;
  /** All that was sent of the body can be sent again. */
  readonly replayable: boolean;
  /** The target recognises it when it comes once more. */
  readonly keyed: boolean;
}
