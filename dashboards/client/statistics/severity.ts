import type { ApiState } from '../shared/contract.js';
import { formatCompact, formatRatio } from '../shared/format.js';

/** From this share of failed calls on, figures are shown as bad: an occasional failure is normal. */
const BAD_RATIO = 0.01;

/** From this share on, an API is shown as an outage. */
const OUTAGE_RATIO = 0.05;

/** Whether this share of failed calls deserves a look. */
export const isBad = (failure: number, total: number): boolean => total > 0 && failure / total >= BAD_RATIO;

/** Whether this share of failed calls is an outage. */
export const isOutage = (failure: number, total: number): boolean =>
  total > 0 && failure / total >= OUTAGE_RATIO;

/** What is wrong with an API. */
export interface Trouble {
  readonly bad: boolean;
  /** Of all its calls or attempts, the part that is concerned. */
  readonly ratio: number;
  readonly text: string;
}

/** Fewer calls than this that were not failures say nothing. */
const FEWEST = 5;

/** How a part of an API's calls is told, and the shares from which on it is told and is an outage. */
interface Kind {
  part(state: ApiState): number;
  all(state: ApiState): number;
  readonly from: number;
  readonly badFrom: number;
  words(share: string, all: string): string;
}

const KINDS: readonly Kind[] = [
  {
    part: ({ failure }) => failure,
    all: ({ total }) => total,
    ...{ from: 0, badFrom: OUTAGE_RATIO },
    words: (share, all) => `${share} of ${all}`,
  },
  {
    // Behind stale copies and retries nothing else fails.
    part: ({ attemptsFailed }) => attemptsFailed,
    all: ({ attempts }) => attempts,
    ...{ from: 0.05, badFrom: 0.5 },
    words: (share, all) => `${share} of ${all} attempts failed`,
  },
  {
    part: ({ refused }) => refused,
    all: ({ total }) => total,
    ...{ from: 0.1, badFrom: 0.5 },
    words: (share, all) => `${share} of ${all} refused here`,
  },
  {
    part: ({ aborted }) => aborted,
    all: ({ total }) => total,
    ...{ from: 0.1, badFrom: 0.5 },
    words: (share, all) => `${share} of ${all} clients left`,
  },
  {
    // Some APIs say 404 often; one that says nothing else serves nobody.
    part: ({ clientError }) => clientError,
    all: ({ total }) => total,
    ...{ from: 0.5, badFrom: 0.9 },
    words: (share, all) => `${share} of ${all} got a 4xx`,
  },
];

/** The worst of what is wrong with an API; `undefined` if nothing is. */
export function troubleOf(state: ApiState): Trouble | undefined {
  const troubles = KINDS.flatMap(({ part, all, from, badFrom, words }): Trouble[] => {
    const [some, whole] = [part(state), all(state)];
    const ratio = whole === 0 ? 0 : some / whole;
    const isFew = from > 0 && some < FEWEST;
    if (some === 0 || isFew || ratio < from) return [];
    return [{ ratio, bad: ratio >= badFrom, text: words(formatRatio(some, whole), formatCompact(whole)) }];
  });
  return troubles.sort(worstFirst)[0];
}

/** Outages first, then by the part that is concerned. */
export const worstFirst = (a: Trouble, b: Trouble): number =>
  Number(b.bad) - Number(a.bad) || b.ratio - a.ratio;
