import type { Figures, PathFigures, StatsPeriod, StatsSource, StatsView } from '../lib/stats/stats-source.js';
import type { Overview, PathColumns, Period, View } from './client/shared/contract.js';

/** Minutes that the overview covers. */
const OVERVIEW_MINUTES = 10;
/** APIs whose state is read for the overview; those after them are listed by name alone. */
const MAX_IN_OVERVIEW = 100;
const RECENT_ERRORS = 50;

/** The part of the statistics that a page shows. */
export interface Selection {
  readonly api: string;
  readonly path: string | undefined;
  readonly period: Period;
}

/** Figures of the selection; `undefined` if it does not exist. */
export async function readView(source: StatsSource, selection: Selection): Promise<View | undefined> {
  return source.view({ ...selection, errors: RECENT_ERRORS }) satisfies Promise<StatsView | undefined>;
}

/** The names of all APIs, and the calls and failures of each in the last minutes. */
export async function readOverview(source: StatsSource): Promise<Overview> {
  const names = await source.apis();
  const states = names.map(async (api, i) => {
    if (i >= MAX_IN_OVERVIEW) return { api, total: 0, failure: 0 };
    const view = await source.view({ api, period: 'all', errors: 0 });
    const last = view?.buckets.slice(-OVERVIEW_MINUTES) ?? [];
    return { api, total: sum(last, 'total'), failure: sum(last, 'failure') };
  });
  return { minutes: OVERVIEW_MINUTES, apis: await Promise.all(states) };
}

const sum = (buckets: readonly Figures[], name: 'total' | 'failure'): number =>
  buckets.reduce((all, bucket) => all + bucket[name], 0);

/** The table of paths over the span of the period; `undefined` if the API does not exist. */
export async function readPaths(
  source: StatsSource,
  api: string,
  period: StatsPeriod,
): Promise<PathColumns | undefined> {
  const lines = await source.paths(api);
  if (!lines) return undefined;
  const called = lines.map((line) => ({ path: line.path, figures: figuresOf(line, period) }));
  const column = (read: (figures: Figures) => number) => called.map(({ figures }) => read(figures));
  return {
    api,
    period,
    path: called.map(({ path }) => path),
    total: column((figures) => figures.total),
    failure: column((figures) => figures.failure),
    p50: column((figures) => tenths(figures.responseTime.p50)),
    p95: column((figures) => tenths(figures.responseTime.p95)),
    p99: column((figures) => tenths(figures.responseTime.p99)),
    hits: column(({ cache }) => served(cache)),
    lookups: column(({ cache }) => served(cache) + (cache.miss ?? 0)),
    retried: column((figures) => figures.retried),
  };
}

/** For a path, days reach back a week and hours a day: the table shows the sums over the same spans. */
export function figuresOf(line: PathFigures, period: StatsPeriod): Figures {
  if (period === 'daily') return line.last7Days;
  return period === 'hourly' ? line.last24Hours : line.all;
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

const served = (cache: Figures['cache']): number =>
  (cache.hit ?? 0) + (cache.stale ?? 0) + (cache.revalidated ?? 0) + (cache.coalesced ?? 0);
