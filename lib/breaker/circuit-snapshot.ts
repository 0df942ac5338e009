import type { CircuitStateName, TransitionReason } from './circuit-state.js';

/** A circuit's options with every default filled in; `BreakerOptions` describes them. */
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

/** Which circuit an event or a snapshot is about. */
export interface CircuitName {
  /** The breaker's name: usually that of the API. */
  readonly api: string;
  /** The breaker's name, followed by `:key` where the circuits are kept by key. */
  readonly circuit: string;
}

/** A circuit at one moment, as plain JSON. */
export interface CircuitSnapshot extends CircuitName {
  readonly state: CircuitStateName;
  /** Failed attempts in a row; for an open circuit, the number it opened with. */
  readonly failures: number;
  /** Probes that have succeeded while half open; 0 in other states. */
  readonly successes: number;
  /** When the last failure was counted, in epoch milliseconds. */
  readonly lastFailureTime: number | null;
  /** The last failure: `status 503`, or an error message. */
  readonly lastFailure: string | null;
  /** Time until probes may go through; 0 unless it is open, `null` if it was forced open. */
  readonly timeToResetMs: number | null;
  /** Attempts in the rolling window; 0 if the window is turned off. */
  readonly windowTotal: number;
  /** Share of failures in the rolling window, from 0 to 1. */
  readonly failureRatio: number;
  readonly config: CircuitConfig;
  /** The last 20 changes of state, oldest first. */
  readonly transitions: readonly CircuitTransition[];
}
