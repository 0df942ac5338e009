import type { ProbeSlots } from './probe-slots.js';
import type { SharedState } from './store/store.js';

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

/** That a circuit is open for all processes. */
export interface FleetMark {
  /** The process that has opened it, or whose probe has failed last. */
  readonly by: string;
  /** Version of what all processes know; `undefined` where it is not told yet. */
  readonly version: string | undefined;
}

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
  /** `undefined` where this process alone has opened it. */
  readonly fleet?: FleetMark | undefined;
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
  readonly fleet?: FleetMark | undefined;
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

/** A circuit that other processes have opened. */
export function openedElsewhere(
  { by, version, failures, cause, dueInMs }: SharedState,
  now: number,
): OpenState {
  return { ...openedAt(now, dueInMs, failures, cause), fleet: { by, version } };
}

/** The state of a circuit that comes in the place of another: one that was open is so for no longer than by its own rules. */
export function resumed(state: CircuitState, openMs: number, now: number): CircuitState {
  if (state.kind === 'CLOSED') return CLOSED;
  const { kind, failures, cause } = state;
  // Its probes are the other one's.
  if (kind === 'HALF_OPEN') return openedAt(now, 0, failures, cause);
  const { openedAt: since, halfOpensAt: due } = state;
  const openForMs = due === Number.POSITIVE_INFINITY ? due : Math.min(due - since, openMs);
  return openedAt(since, openForMs, failures, cause);
}

/** Nobody knows how long a probe takes. */
const PROBE_RETRY_AFTER_MS = 1000;

/** When a refused call may come again. Nobody knows when a forced circuit closes: it is the time as after a failure. */
export function retryAfterOf(state: OpenState | HalfOpenState, resetTimeoutMs: number, now: number): number {
  if (state.kind === 'HALF_OPEN' || isDue(state, now)) return PROBE_RETRY_AFTER_MS;
  return state.halfOpensAt === Number.POSITIVE_INFINITY ? resetTimeoutMs : state.halfOpensAt - now;
}

/** How long a circuit stays open: longer each time that the probes have failed. */
export function openForMs(
  {
    resetTimeoutMs,
    backoffFactor,
    maxResetTimeoutMs,
  }: Readonly<Record<'resetTimeoutMs' | 'backoffFactor' | 'maxResetTimeoutMs', number>>,
  reopened: number,
): number {
  return Math.min(maxResetTimeoutMs, resetTimeoutMs * backoffFactor ** reopened);
}

/** Whether an open circuit may let a probe through. */
export function isDue(state: OpenState, now: number): boolean {
  return now >= state.halfOpensAt;
}

/**
 * An open circuit turns half open.
 * @param before probes of other processes that have succeeded
 */
export function halfOpened(state: OpenState, probes: ProbeSlots, before = 0): HalfOpenState {
  const { failures, cause, fleet } = state;
  const passed = Array.from({ length: before }, () => ELSEWHERE);
  return { kind: 'HALF_OPEN', failures, cause, probes, passed, fleet };
}

/** A probe of another process. */
const ELSEWHERE = Object.freeze({});

/** Its probes are over and did not decide: any process may make the next one, at once. */
export function openAgain(
  { failures, cause, fleet }: HalfOpenState & { readonly fleet: FleetMark },
  now: number,
): OpenState {
  return { kind: 'OPEN', failures, cause, openedAt: now, halfOpensAt: now, fleet };
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
