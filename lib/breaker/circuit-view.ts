import type { CircuitRecord } from './circuit-record.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot } from './circuit-snapshot.js';
import type { CircuitState } from './circuit-state.js';
import { failuresText } from './failure-causes.js';

/** What a window has counted. */
interface Totals {
  readonly total: number;
  readonly failed: number;
}

/** A circuit as it is now. */
export interface CircuitNow {
  readonly name: CircuitName;
  readonly config: CircuitConfig;
  readonly state: CircuitState;
  readonly record: CircuitRecord;
  readonly openForMs: number;
  readonly window: Totals | undefined;
  readonly slow: Totals | undefined;
  /** By the clock of the circuit. */
  readonly now: number;
}

/** Plain JSON of a circuit. */
export function snapshotOf({
  name,
  config,
  state,
  record,
  openForMs,
  window,
  slow,
  now,
}: CircuitNow): CircuitSnapshot {
  const { lastFailure, notCounted, transitions, openedWith } = record;
  const causes = state.kind === 'CLOSED' ? record.causesOf(state.failures) : openedWith;
  return {
    ...name,
    state: state.kind,
    failures: state.failures,
    causes,
    failureText: failuresText(causes),
    notCounted,
    successes: state.kind === 'HALF_OPEN' ? state.passed.length : 0,
    lastFailureTime: lastFailure?.time ?? null,
    lastFailure: lastFailure?.because ?? null,
    openForMs,
    timeToResetMs: timeToReset(state, now),
    windowTotal: window?.total ?? 0,
    failureRatio: ratioOf(window),
    slowCallRatio: ratioOf(slow),
    config,
    transitions,
  };
}

function ratioOf(totals: Totals | undefined): number {
  return totals === undefined || totals.total === 0 ? 0 : totals.failed / totals.total;
}

function timeToReset(state: CircuitState, now: number): number | null {
  if (state.kind !== 'OPEN') return 0;
  if (state.halfOpensAt === Number.POSITIVE_INFINITY) return null;
  return Math.max(0, Math.ceil(state.halfOpensAt - now));
}
