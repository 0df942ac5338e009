import type { ProbeSlots } from './probe-slots.js';

/** State of a circuit. */
export type CircuitStateName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** Why a circuit changed its state. */
export type TransitionReason =
  | 'failures in a row'
  | 'failure ratio'
  | 'slow call ratio'
  | 'reset timeout passed'
  | 'probe failed'
  | 'probes succeeded'
  | 'forced'
  | 'reset';

/** Calls go through and are counted. */
export interface ClosedState {
  readonly kind: 'CLOSED';
  /** Failed attempts in a row. */
  readonly failures: number;
  /** The run of failures that the last success has ended, and the attempt that ended it. */
  readonly ended?: { readonly by: object; readonly failures: number };
}

/** Calls are refused. */
export interface OpenState {
  readonly kind: 'OPEN';
  /** Failed attempts in a row when it opened. */
  readonly failures: number;
  /** Why it opened, for messages: `after 5 failures`. */
  readonly cause: string;
  readonly openedAt: number;
  /** When probes may go through; `Infinity` if it was forced open. */
  readonly halfOpensAt: number;
}

/** A few calls go through as probes, to find out whether the target has recovered. */
export interface HalfOpenState {
  readonly kind: 'HALF_OPEN';
  /** Failed attempts in a row when it opened. */
  readonly failures: number;
  /** Why it opened. */
  readonly cause: string;
  readonly probes: ProbeSlots;
  /** The probes that have succeeded. */
  readonly passed: readonly object[];
}

/** A union, so that an open circuit without `openedAt` or a closed one with probes cannot exist. */
export type CircuitState = ClosedState | OpenState | HalfOpenState;

/** A closed circuit without failures. */
export const CLOSED: ClosedState = Object.freeze({ kind: 'CLOSED', failures: 0 });

/** A success ends the run of failures. Without one it allocates nothing, since this runs for every call. */
export function afterSuccess(state: ClosedState, by: object): ClosedState {
  if (state.failures === 0) return CLOSED;
  return { kind: 'CLOSED', failures: 0, ended: { by, failures: state.failures } };
}

/**
 * A failure adds to the run. A response that breaks off counted as a success at its head, so it resumes the
 * run that its head had ended: otherwise a target that cuts every response would never fail twice in a row.
 */
export function afterFailure(state: ClosedState, by: object): ClosedState {
  const resumed = state.ended?.by === by ? state.ended.failures : 0;
  return { kind: 'CLOSED', failures: state.failures + resumed + 1 };
}

/** An open circuit that lets probes through after `resetTimeoutMs`; `Infinity` keeps it open. */
export function openedAt(
  now: number,
  resetTimeoutMs: number,
  failures: number,
  cause = `after ${failures} ${failures === 1 ? 'failure' : 'failures'}`,
): OpenState {
  return { kind: 'OPEN', failures, cause, openedAt: now, halfOpensAt: now + resetTimeoutMs };
}

/** Whether an open circuit may let a probe through. */
export function isDue(state: OpenState, now: number): boolean {
  return now >= state.halfOpensAt;
}

/** An open circuit turns half open. */
export function halfOpened(state: OpenState, probes: ProbeSlots): HalfOpenState {
  return { kind: 'HALF_OPEN', failures: state.failures, cause: state.cause, probes, passed: [] };
}

/** A probe has succeeded; the circuit closes when enough have. */
export function afterProbe(
  state: HalfOpenState,
  by: object,
  successThreshold: number,
): HalfOpenState | ClosedState {
  const passed = [...state.passed, by];
  return passed.length >= successThreshold ? CLOSED : { ...state, passed };
}
