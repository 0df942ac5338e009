import type { Period } from '../shared/contract.js';
import type { Refresh } from '../shared/feed.js';
import { refreshOf } from '../shared/refresh-control.js';

/** Columns that the table of paths can be sorted by. */
export const SORT_KEYS = [
  'path',
  'total',
  'failure',
  'ratio',
  'clientError',
  'refused',
  'p50',
  'p95',
  'p99',
  'upstreamP95',
  'hits',
  'retried',
] as const;

/** A column to sort by. */
export type SortKey = (typeof SORT_KEYS)[number];

/** Everything that determines what the page shows: the query of its address, so that a link shows the same. */
export interface PageState {
  readonly api: string;
  readonly path: string;
  readonly period: Period;
  readonly refresh: Refresh;
  readonly sort: SortKey;
  readonly descending: boolean;
  /** Filter of the table of paths. */
  readonly search: string;
}

/** The state without a query: what fails most comes first. */
export const INITIAL: PageState = {
  api: '',
  path: '',
  period: 'all',
  refresh: 'live',
  sort: 'failure',
  descending: true,
  search: '',
};

const PERIODS: readonly Period[] = ['all', 'daily', 'hourly'];

/** Reads the query of an address; unknown values are ignored. */
export function readState(search: string): PageState {
  const query = new URLSearchParams(search);
  const [key = '', direction] = (query.get('sort') ?? '').split('-');
  const sort = SORT_KEYS.find((name) => name === key);
  return {
    api: query.get('api') ?? '',
    path: query.get('path') ?? '',
    period: PERIODS.find((name) => name === query.get('period')) ?? INITIAL.period,
    refresh: refreshOf(query.get('refresh')),
    sort: sort ?? INITIAL.sort,
    descending: sort ? direction === 'down' : INITIAL.descending,
    search: query.get('search') ?? '',
  };
}

/** Writes the query of an address, without the values of {@link INITIAL}. */
export function writeState(state: PageState): string {
  const query = selectionOf(state);
  if (state.refresh !== INITIAL.refresh) query.set('refresh', String(state.refresh));
  if (state.sort !== INITIAL.sort || state.descending !== INITIAL.descending) {
    query.set('sort', `${state.sort}-${state.descending ? 'down' : 'up'}`);
  }
  if (state.search !== '') query.set('search', state.search);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** The part of the query that goes to the server. */
export function selectionOf({ api, path, period }: PageState): URLSearchParams {
  const query = new URLSearchParams();
  if (api !== '') query.set('api', api);
  if (path !== '') query.set('path', path);
  if (period !== INITIAL.period) query.set('period', period);
  return query;
}
