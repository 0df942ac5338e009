import type { CircuitRecord } from './circuit-record.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot } from './circuit-snapshot.js';
import type { CircuitState } from './circuit-state.js';
import { failuresText } from './failure-causes.js';
import type { CircuitReport, CircuitShare, OwnTrip } from './store/store.js';

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
  readonly share: CircuitShare | undefined;
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
  share,
  now,
}: CircuitNow): CircuitSnapshot {
  const { lastFailure, notCounted, transitions, openedWith } = record;
  const causes = state.kind === 'CLOSED' ? record.causesOf(state.failures) : openedWith;
  return {
    ...name,
    state: state.kind,
    scope: scopeOf(state, share),
    openedBy: state.kind === 'CLOSED' ? null : (state.fleet?.by ?? share?.process ?? null),
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

function scopeOf(state: CircuitState, share: CircuitShare | undefined): CircuitSnapshot['scope'] {
  if (!share) return 'process';
  const shared = state.kind === 'CLOSED' ? share.connected : state.fleet !== undefined;
  return shared ? 'fleet' : 'process';
}

/**
 * What other processes are to know; `undefined` where the state is theirs already.
 * @param since where its window begins
 */
export function reportOf(
  state: CircuitState,
  record: CircuitRecord,
  window: Totals | undefined,
  trip: OwnTrip | undefined,
  since: number,
): CircuitReport | undefined {
  if (state.kind !== 'CLOSED' && state.fleet) return undefined;
  const { total, failed } = window ?? { total: 0, failed: 0 };
  const { failures } = state;
  const causes = state.kind === 'CLOSED' ? record.causesOf(failures) : record.openedWith;
  const windowCauses = record.causesSince(since);
  return { failures, total, failed, trip, causes, windowCauses, lastFailure: record.lastFailure?.because };
}
