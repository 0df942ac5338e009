import type { CircuitState, CircuitView } from '../shared/contract.js';
import type { IconName } from '../shared/icon.js';

/** Word, icon and tone of a state. */
export interface StateLook {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: 'good' | 'warning' | 'bad';
  /** What it means for calls. */
  readonly meaning: string;
}

/** How each state looks. */
export const LOOKS: Readonly<Record<CircuitState, StateLook>> = {
  OPEN: { word: 'Open', icon: 'stop', tone: 'bad', meaning: 'Calls are refused at once.' },
  HALF_OPEN: {
    word: 'Half open',
    icon: 'warning',
    tone: 'warning',
    meaning: 'A few calls go through as probes.',
  },
  CLOSED: { word: 'Closed', icon: 'ok', tone: 'good', meaning: 'Calls go through.' },
};

const RANKS: Readonly<Record<CircuitState, number>> = { OPEN: 0, HALF_OPEN: 2, CLOSED: 3 };

/** Forced open comes after open: somebody wanted it. */
const rankOf = ({ state, timeToResetMs }: CircuitView): number =>
  RANKS[state] + (state === 'OPEN' && timeToResetMs === null ? 1 : 0);

/** The worst first: open, forced open, half open, then those nearest to opening; by name among equals. */
export function worstFirst(a: CircuitView, b: CircuitView): number {
  return (
    rankOf(a) - rankOf(b) ||
    nearness(b) - nearness(a) ||
    (a.circuit < b.circuit ? -1 : a.circuit > b.circuit ? 1 : 0)
  );
}

/** How near a closed circuit is to opening, in tenths, so that cards do not swap places at each call. */
function nearness({ state, failures, config }: CircuitView): number {
  return state === 'CLOSED' ? Math.round((failures / config.failureThreshold) * 10) : 0;
}
