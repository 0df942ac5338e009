import type { FailureRules } from '../http/failure-rules.js';
import type { CircuitStateName, TransitionReason } from './circuit-state.js';
import type { FailureCauses } from './failure-causes.js';

/** A circuit's options with every default filled in; `BreakerOptions` describes them. */
export interface CircuitConfig {
  readonly failureThreshold: number;
  readonly failureStatuses: readonly (number | string)[];
  readonly failureWhen?: FailureRules | undefined;
  readonly resetTimeoutMs: number;
  readonly backoffFactor: number;
  readonly maxResetTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly successThreshold: number;
  readonly maxProbes: number;
  readonly probeTimeoutMs: number;
  readonly failureRatio: number | false;
  readonly minimumRequests: number;
  readonly windowMs: number;
  readonly slowCallMs: number | false;
  readonly slowCallRatio: number;
  readonly countRateLimited: boolean;
  /** `fleet` where there is a store, unless `scope` says otherwise. */
  readonly scope: 'fleet' | 'process';
  readonly quorum: number;
}

/** One change of state. */
export interface CircuitTransition {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  readonly reason: TransitionReason;
}

/** Attempts that failed through no fault of the target since the circuit was created or reset, by who caused them. */
export interface NotCounted {
  /** The client left before the response's headers, or did not read what came. */
  readonly client: number;
  /** An egress proxy failed. */
  readonly egress: number;
  /** This process could not do it: no descriptors, no ports, an error of its own. */
  readonly self: number;
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
  /**
   * Whose state it is: `fleet` if all processes have it, `process` if it is this one's alone, as where only its own calls
   * fail, or Redis is lost.
   */
  readonly scope: 'fleet' | 'process';
  /**
   * The process that has opened it, or forced it open, or whose probe has failed last, as `host:pid`. `null` if it is
   * closed, or circuits are not shared.
   */
  readonly openedBy: string | null;
  /** Failed attempts in a row; for an open circuit, the number it opened with. */
  readonly failures: number;
  /**
   * What these failures were, or those of the window if their ratio has opened the circuit: `timeout`, `reset`,
   * `connection`, `tls`, `unreadable`, `slow`, or a status such as `status 503`. Of more than 100, the latest.
   */
  readonly causes: FailureCauses;
  /** The causes in words: `5 failures: 3 timeouts of the target, 2 resets`; empty without any. */
  readonly failureText: string;
  /** Attempts that others than the target have ended, which count for nothing here. */
  readonly notCounted: NotCounted;
  /** Probes that have succeeded while half open; 0 in other states. */
  readonly successes: number;
  /** When the last failure was counted, in epoch milliseconds. */
  readonly lastFailureTime: number | null;
  /** The last failure: `status 503`, or an error message. */
  readonly lastFailure: string | null;
  /** How long it stays open in all: longer after each failed probe where `backoffFactor` is above 1. */
  readonly openForMs: number;
  /** Time until probes may go through; 0 unless it is open, `null` if it was forced open. */
  readonly timeToResetMs: number | null;
  /** Attempts in the rolling window; 0 if the window is turned off. */
  readonly windowTotal: number;
  /** Share of failures in the rolling window, from 0 to 1. */
  readonly failureRatio: number;
  /** Share of slow calls in the rolling window, from 0 to 1; 0 if `slowCallMs` is off. */
  readonly slowCallRatio: number;
  readonly config: CircuitConfig;
  /** The last 20 changes of state, oldest first. */
  readonly transitions: readonly CircuitTransition[];
}
