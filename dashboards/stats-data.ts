import type {
  Figures,
  PathFigures,
  StatsPeriod,
  StatsSource,
  TimeBucket,
} from '../lib/stats/stats-source.js';
import type { Period, View } from './client/shared/contract.js';
import type { PathColumns } from './client/shared/path-figures.js';
import { errorLines } from './error-lines.js';

/** Recent errors that are read, and the lines that are shown of them. */
const RECENT_ERRORS = 500;
const MAX_ERROR_LINES = 50;

/** The part of the statistics that a page shows. */
export interface Selection {
  readonly api: string;
  readonly path: string | undefined;
  readonly period: Period;
}

/** Figures of the selection; `undefined` if it does not exist. */
export async function readView(source: StatsSource, selection: Selection): Promise<View | undefined> {
  const period = bucketsOf(selection);
  const [view, buckets] = await Promise.all([
    source.view({ ...selection, errors: RECENT_ERRORS }),
    period === selection.period ? undefined : readBuckets(source, selection),
  ]);
  return (
    view && {
      ...view,
      buckets: buckets ?? view.buckets,
      bucketsOf: period,
      recentErrors: errorLines(view.recentErrors, MAX_ERROR_LINES),
    }
  );
}

/** The buckets that a selection is drawn with; `undefined` if it does not exist. */
export async function readBuckets(
  source: StatsSource,
  selection: Selection,
): Promise<readonly TimeBucket[] | undefined> {
  const view = await source.view({ ...selection, period: bucketsOf(selection), errors: 0 });
  return view?.buckets;
}

/** For a path no minutes are kept. */
const bucketsOf = ({ path, period }: Selection): Period =>
  path !== undefined && period === 'all' ? 'hourly' : period;

/** The table of paths over the span of the period; `undefined` if the API does not exist. */
export async function readPaths(
  source: StatsSource,
  api: string,
  period: StatsPeriod,
): Promise<PathColumns | undefined> {
  const lines = await source.paths(api);
  if (!lines) return undefined;
  const called = lines.map((line) => ({ path: line.path, figures: figuresOf(line, period) }));
  const column = <T>(read: (figures: Figures) => T) => called.map(({ figures }) => read(figures));
  return {
    api,
    period,
    path: called.map(({ path }) => path),
    total: column((figures) => figures.total),
    failure: column((figures) => figures.failure),
    p50: column((figures) => tenths(figures.responseTime.p50)),
    p95: column((figures) => tenths(figures.responseTime.p95)),
    p99: column((figures) => tenths(figures.responseTime.p99)),
    upstreamP95: column((figures) => tenths(figures.upstreamTime.p95)),
    clientError: column(({ outcomes }) => outcomes.clientError),
    refused: column(({ outcomes }) => outcomes.refused),
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

const tenths = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 10) / 10);

const served = (cache: Figures['cache']): number =>
  (cache.hit ?? 0) + (cache.stale ?? 0) + (cache.revalidated ?? 0) + (cache.coalesced ?? 0);
