import { formatBrief, formatBriefMs, formatCount, formatMs, formatRatio } from '../shared/format.js';
import type { PathColumns } from '../shared/path-figures.js';
import type { PageState, SortKey } from './page-state.js';

/** A column of the table of paths. */
export interface PathColumn {
  readonly key: SortKey;
  readonly name: string;
  /** Hidden on narrow screens, or already where a screen is not wide. */
  readonly minor?: 'minor' | 'minor least';
  /** Value to sort by. */
  weight(paths: PathColumns, i: number): number;
  /** In few characters, so that it is never cut. */
  text(paths: PathColumns, i: number): string;
  /** In full, where that differs. */
  full?(paths: PathColumns, i: number): string;
}

const at = (values: readonly number[], i: number): number => values[i] ?? 0;

function timeColumn(
  key: 'p50' | 'p95' | 'p99' | 'upstreamP95',
  more: Partial<Pick<PathColumn, 'name' | 'minor'>> = {},
): PathColumn {
  return {
    key,
    name: key,
    ...more,
    weight: (paths, i) => paths[key][i] ?? -1,
    text: (paths, i) => formatBriefMs(paths[key][i] ?? null),
    full: (paths, i) => formatMs(paths[key][i] ?? null),
  };
}

const countColumn = (
  key: 'total' | 'failure' | 'clientError' | 'refused' | 'retried',
  name: string,
  minor?: PathColumn['minor'],
): PathColumn => ({
  key,
  name,
  ...(minor && { minor }),
  weight: (paths, i) => at(paths[key], i),
  text: (paths, i) => formatBrief(at(paths[key], i)),
  full: (paths, i) => formatCount(at(paths[key], i)),
});

/** A share of calls; rows without calls sort below a share of 0. */
const share = (part: number, all: number): number => (all === 0 ? -1 : part / all);

/** The columns beside the path itself, from left to right. */
export const PATH_COLUMNS: readonly PathColumn[] = [
  countColumn('total', 'Calls'),
  countColumn('failure', 'Errors', 'minor'),
  {
    key: 'ratio',
    name: 'Error share',
    weight: ({ failure, total }, i) => share(at(failure, i), at(total, i)),
    text: ({ failure, total }, i) => formatRatio(at(failure, i), at(total, i)),
  },
  countColumn('clientError', '4xx', 'minor least'),
  countColumn('refused', 'Refused', 'minor least'),
  timeColumn('p50', { minor: 'minor' }),
  timeColumn('p95'),
  timeColumn('p99', { minor: 'minor' }),
  timeColumn('upstreamP95', { minor: 'minor', name: 'API p95' }),
  {
    key: 'hits',
    name: 'From cache',
    minor: 'minor',
    weight: ({ hits, lookups }, i) => share(at(hits, i), at(lookups, i)),
    text: ({ hits, lookups }, i) => formatRatio(at(hits, i), at(lookups, i)),
  },
  countColumn('retried', 'Retried', 'minor least'),
];

/** Indexes of the paths that match the search, in the chosen order; by calls and then names among equals. */
export function orderPaths(
  paths: PathColumns,
  state: Pick<PageState, 'sort' | 'descending' | 'search'>,
): number[] {
  const wanted = state.search.trim().toLowerCase();
  const fitting: number[] = [];
  paths.path.forEach((path, i) => {
    if (path.toLowerCase().includes(wanted)) fitting.push(i);
  });
  const sign = state.descending ? -1 : 1;
  const byName = (a: number, b: number) => compare(paths.path[a] ?? '', paths.path[b] ?? '');
  const column = PATH_COLUMNS.find(({ key }) => key === state.sort);
  if (!column) return fitting.sort((a, b) => sign * byName(a, b));
  const weights = paths.path.map((_, i) => column.weight(paths, i));
  return fitting.sort(
    (a, b) =>
      sign * (at(weights, a) - at(weights, b)) || at(paths.total, b) - at(paths.total, a) || byName(a, b),
  );
}

// localeCompare takes ten times as long, and paths are not words of a language.
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
