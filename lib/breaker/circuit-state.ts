import type { ProbeSlots } from './probe-slots.js';

/** Where a circuit stands. */
export type CircuitStateName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** Why a circuit went from one state to another. */
export type TransitionReason =
  | 'failures in a row'
  | 'failure ratio'
  | 'reset timeout passed'
  | 'trial failed'
  | 'trials succeeded'
  | 'forced'
  | 'reset';

/** Calls go through and are counted. */
export interface ClosedState {
  readonly kind: 'CLOSED';
  /** Failed attempts in a row. */
  readonly failures: number;
  /** The run of failures that the last success ended, and which call ended it. */
  readonly ended?: { readonly by: object; readonly failures: number };
}

/** Calls are refused. */
export interface OpenState {
  readonly kind: 'OPEN';
  /** Failed attempts in a row when it opened. */
  readonly failures: number;
  readonly openedAt: number;
  /** From then on trials go through; `Infinity` where it was forced open. */
  readonly halfOpensAt: number;
}

/** A few calls go through to find out whether the target has recovered. */
export interface HalfOpenState {
  readonly kind: 'HALF_OPEN';
  /** Failed attempts in a row when it opened. */
  readonly failures: number;
  readonly probes: ProbeSlots;
  /** The trials that succeeded. */
  readonly passed: readonly object[];
}

/** An open circuit without `openedAt`, or a closed one with trials, cannot exist. */
export type CircuitState = ClosedState | OpenState | HalfOpenState;

/** A closed circuit that has counted nothing. */
export const CLOSED: ClosedState = Object.freeze({ kind: 'CLOSED', failures: 0 });

/** A success ends the run of failures. Makes no new object where there was none: this is every call. */
export function afterSuccess(state: ClosedState, by: object): ClosedState {
  if (state.failures === 0) return CLOSED;
  return { kind: 'CLOSED', failures: 0, ended: { by, failures: state.failures } };
}

/**
 * A failure lengthens the run. An answer that breaks off was a success at its head: it takes up the run
 * that its head had ended, or a target that cuts every answer would never have two failures in a row.
 */
export function afterFailure(state: ClosedState, by: object): ClosedState {
  const resumed = state.ended?.by === by ? state.ended.failures : 0;
  return { kind: 'CLOSED', failures: state.failures + resumed + 1 };
}

/** An open circuit that lets trials through after `resetTimeoutMs`; `Infinity` keeps it open. */
export function openedAt(now: number, resetTimeoutMs: number, failures: number): OpenState {
  return { kind: 'OPEN', failures, openedAt: now, halfOpensAt: now + resetTimeoutMs };
}

/** Whether an open circuit may let a trial through. */
export function isDue(state: OpenState, now: number): boolean {
  return now >= state.halfOpensAt;
}

/** An open circuit that begins to let trials through. */
export function halfOpened(state: OpenState, probes: ProbeSlots): HalfOpenState {
  return { kind: 'HALF_OPEN', failures: state.failures, probes, passed: [] };
}

/** One more trial has succeeded; closes the circuit when that is enough. */
export function afterProbe(
  state: HalfOpenState,
  by: object,
  successThreshold: number,
): HalfOpenState | ClosedState {
  const passed = [...state.passed, by];
  return passed.length >= successThreshold ? CLOSED : { ...state, passed };
}
