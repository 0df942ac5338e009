import type { CircuitStateName, TransitionReason } from './circuit-state.js';

/** The limits a circuit works by, every default filled in; `BreakerOptions` describes each. */
export interface CircuitConfig {
  readonly failureThreshold: number;
  readonly resetTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly successThreshold: number;
  readonly maxProbes: number;
  readonly probeTimeoutMs: number;
  readonly failureRatio: number | false;
  readonly minimumRequests: number;
  readonly windowMs: number;
  readonly countRateLimited: boolean;
}

/** One change of state. */
export interface CircuitTransition {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  readonly reason: TransitionReason;
}

/** A circuit at one moment, fit for JSON. */
export interface CircuitSnapshot {
  /** The breaker's name; with a colon and the key behind it where circuits are kept by key. */
  readonly target: string;
  readonly state: CircuitStateName;
  /** Failed attempts in a row; of an open circuit, those it opened with. */
  readonly failures: number;
  /** Trials that succeeded since it is half open; 0 otherwise. */
  readonly successes: number;
  /** When a failure was last counted, in epoch milliseconds. */
  readonly lastFailureTime: number | null;
  /** What that failure was: `status 503`, or the error's message. */
  readonly lastFailure: string | null;
  /** Until trials may go through; 0 where it is not open, `null` where it was forced open. */
  readonly timeToResetMs: number | null;
  /** Attempts in the rolling window; 0 where it is turned off. */
  readonly windowTotal: number;
  /** Share of failures in that window, from 0 to 1. */
  readonly failureRatio: number;
  readonly config: CircuitConfig;
  /** The last 20 changes of state, oldest first. */
  readonly transitions: readonly CircuitTransition[];
}
