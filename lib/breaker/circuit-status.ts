import type { CircuitConfig, CircuitSnapshot } from './circuit-snapshot.js';
import type { CircuitStateName, TransitionReason } from './circuit-state.js';

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
  readonly failures: number;
  readonly successes: number;
  /** `null` if nothing has failed yet. */
  readonly last_failure_time: number | null;
  /** Time until probes may go through; 0 unless it is open, `null` if it was forced open. */
  readonly time_to_reset: number | null;
  readonly last_failure: string | null;
  readonly window_total: number;
  readonly failure_ratio: number;
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
  readonly reset_timeout: number;
  readonly request_timeout: number;
  readonly success_threshold: number;
  readonly max_probes: number;
  readonly probe_timeout: number;
  readonly failure_ratio: number | false;
  readonly minimum_requests: number;
  readonly window: number;
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
    failures: circuit.failures,
    successes: circuit.successes,
    last_failure_time: lastFailureTime === null ? null : seconds(lastFailureTime),
    time_to_reset: timeToResetMs === null ? null : seconds(timeToResetMs),
    last_failure: circuit.lastFailure,
    window_total: circuit.windowTotal,
    failure_ratio: circuit.failureRatio,
    config: configOf(circuit.config),
    transitions: circuit.transitions.map((transition) => ({ ...transition, time: seconds(transition.time) })),
  };
}

function configOf(config: CircuitConfig): CircuitStatusConfig {
  return {
    failure_threshold: config.failureThreshold,
    reset_timeout: seconds(config.resetTimeoutMs),
    request_timeout: config.requestTimeoutMs,
    success_threshold: config.successThreshold,
    max_probes: config.maxProbes,
    probe_timeout: seconds(config.probeTimeoutMs),
    failure_ratio: config.failureRatio,
    minimum_requests: config.minimumRequests,
    window: seconds(config.windowMs),
  };
}

const seconds = (ms: number): number => Math.round(ms) / 1000;
