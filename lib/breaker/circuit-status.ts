import type { CircuitConfig, CircuitSnapshot, NotCounted } from './circuit-snapshot.js';
import type { CircuitStateName, TransitionReason } from './circuit-state.js';
import type { FailureCauses } from './failure-causes.js';

/** Body of `/circuit-status`, in the form of the OpenResty gateway: times are in seconds. */
export interface CircuitStatus {
  readonly timestamp: number;
  readonly circuits: readonly CircuitStatusEntry[];
}

/** One circuit of a {@link CircuitStatus}. */
export interface CircuitStatusEntry {
  /** Name of the circuit. */
  readonly target: string;
  readonly state: CircuitStateName;
  /** `fleet` if all processes have this state, `process` if it is that of the process that responds. */
  readonly scope: 'fleet' | 'process';
  /** The process that has opened it; `null` if it is closed, or circuits are not shared. */
  readonly opened_by: string | null;
  readonly failures: number;
  /** These failures by their cause. */
  readonly causes: FailureCauses;
  /** `5 failures: 3 timeouts of the target, 2 resets`; empty without any. */
  readonly failure_text: string;
  /** Attempts that failed through no fault of the target. */
  readonly not_counted: NotCounted;
  readonly successes: number;
  /** `null` if nothing has failed yet. */
  readonly last_failure_time: number | null;
  /** How long it stays open in all. */
  readonly open_for: number;
  /** Time until probes may go through; 0 unless it is open, `null` if it was forced open. */
  readonly time_to_reset: number | null;
  readonly last_failure: string | null;
  readonly window_total: number;
  readonly failure_ratio: number;
  readonly slow_call_ratio: number;
  readonly config: CircuitStatusConfig;
  /** Oldest first. */
  readonly transitions: readonly {
    readonly time: number;
    readonly from: CircuitStateName;
    readonly to: CircuitStateName;
    readonly reason: TransitionReason;
  }[];
}

/** The options in the units of the OpenResty gateway: `request_timeout` in milliseconds, other times in seconds. */
export interface CircuitStatusConfig {
  readonly failure_threshold: number;
  readonly failure_statuses: readonly (number | string)[];
  readonly reset_timeout: number;
  readonly backoff_factor: number;
  readonly max_reset_timeout: number;
  readonly request_timeout: number;
  readonly success_threshold: number;
  readonly max_probes: number;
  readonly probe_timeout: number;
  readonly failure_ratio: number | false;
  readonly minimum_requests: number;
  readonly window: number;
  readonly slow_call: number | false;
  readonly slow_call_ratio: number;
  readonly scope: 'fleet' | 'process';
  readonly quorum: number;
}

/**
 * The body of `/circuit-status`.
 * @param now epoch milliseconds
 */
export function circuitStatus(snapshots: readonly CircuitSnapshot[], now: number): CircuitStatus {
  return { timestamp: seconds(now), circuits: snapshots.map(entryOf) };
}

function entryOf(circuit: CircuitSnapshot): CircuitStatusEntry {
  const { lastFailureTime, timeToResetMs } = circuit;
  return {
    target: circuit.circuit,
    state: circuit.state,
    scope: circuit.scope,
    opened_by: circuit.openedBy,
    failures: circuit.failures,
    causes: circuit.causes,
    failure_text: circuit.failureText,
    not_counted: circuit.notCounted,
    successes: circuit.successes,
    last_failure_time: lastFailureTime === null ? null : seconds(lastFailureTime),
    open_for: seconds(circuit.openForMs),
    time_to_reset: timeToResetMs === null ? null : seconds(timeToResetMs),
    last_failure: circuit.lastFailure,
    window_total: circuit.windowTotal,
    failure_ratio: circuit.failureRatio,
    slow_call_ratio: circuit.slowCallRatio,
    config: configOf(circuit.config),
    transitions: circuit.transitions.map((transition) => ({ ...transition, time: seconds(transition.time) })),
  };
}

function configOf(config: CircuitConfig): CircuitStatusConfig {
  return {
    failure_threshold: config.failureThreshold,
    failure_statuses: config.failureStatuses,
    reset_timeout: seconds(config.resetTimeoutMs),
    backoff_factor: config.backoffFactor,
    max_reset_timeout: seconds(config.maxResetTimeoutMs),
    request_timeout: config.requestTimeoutMs,
    success_threshold: config.successThreshold,
    max_probes: config.maxProbes,
    probe_timeout: seconds(config.probeTimeoutMs),
    failure_ratio: config.failureRatio,
    minimum_requests: config.minimumRequests,
    window: seconds(config.windowMs),
    slow_call: config.slowCallMs === false ? false : seconds(config.slowCallMs),
    slow_call_ratio: config.slowCallRatio,
    scope: config.scope,
    quorum: config.quorum,
  };
}

const seconds = (ms: number): number => Math.round(ms) / 1000;
