import type { Counts, Figures, View } from '../shared/contract.js';
import { byId, el, setAttribute, setText } from '../shared/element.js';
import { formatCompact, formatMany, formatMs, formatRatio } from '../shared/format.js';
import { isBad } from './severity.js';

/** A tile: its name, its figure, and a smaller line below. */
interface Tile {
  readonly name: string;
  read(figures: Figures): string;
  below(view: View): string;
  /** Whether the figure is bad. */
  bad?(figures: Figures): boolean;
}

/** Calls served from the cache, and all cache lookups. */
export function cacheHits(cache: Counts): { hits: number; lookups: number } {
  const of = (name: string) => cache[name] ?? 0;
  const hits = of('hit') + of('stale') + of('revalidated') + of('coalesced');
  return { hits, lookups: hits + of('miss') };
}

const TILES: readonly Tile[] = [
  {
    name: 'Calls',
    read: ({ total }) => formatCompact(total),
    below: (view) => ofLate(view, (figures) => formatCompact(figures.total)) || 'all time',
  },
  {
    name: 'Errors',
    read: ({ failure, total }) => formatRatio(failure, total),
    below: (view) =>
      ofLate(view, ({ failure, total }) => formatRatio(failure, total)) ||
      formatMany(view.figures.failure, 'call'),
    bad: ({ failure, total }) => isBad(failure, total),
  },
  { name: 'p50', read: latency('p50'), below: upstream('p50', () => 'half are faster') },
  { name: 'p95', read: latency('p95'), below: upstream('p95', () => '1 in 20 is slower') },
  {
    name: 'p99',
    read: latency('p99'),
    below: upstream('p99', ({ figures }) => `slowest ${latency('max')(figures)}`),
  },
  {
    name: 'From the cache',
    read: ({ cache }) => formatRatio(cacheHits(cache).hits, cacheHits(cache).lookups),
    below: ({ figures }) =>
      cacheHits(figures.cache).lookups === 0
        ? 'no lookups'
        : `of ${formatCompact(cacheHits(figures.cache).lookups)} lookups`,
  },
  {
    name: 'Retried',
    read: ({ retried, total }) => formatRatio(retried, total),
    below: ({ figures }) =>
      `${formatCompact(figures.attempts)} ${figures.attempts === 1 ? 'attempt' : 'attempts'}`,
  },
];

function latency(key: 'p50' | 'p95' | 'p99' | 'max'): (figures: Figures) => string {
  return ({ responseTime }) => formatMs(responseTime[key]);
}

/** The same percentile of the API itself, which hits of the cache leave out; without attempts, something else. */
function upstream(key: 'p50' | 'p95' | 'p99', without: (view: View) => string): (view: View) => string {
  return (view) => {
    const { upstreamTime } = view.figures;
    return upstreamTime.count === 0 ? without(view) : `upstream ${formatMs(upstreamTime[key])}`;
  };
}

const SPAN_NAMES = { all: 'last hour', daily: 'today', hourly: 'this hour' } as const;

/** The same figure for the most recent part of the period, which matters more than the whole. */
function ofLate(
  { bucketsOf, buckets }: View,
  read: (figures: { total: number; failure: number }) => string,
): string {
  const late = bucketsOf === 'all' ? buckets : buckets.slice(-1);
  if (late.length === 0) return '';
  const total = late.reduce((all, bucket) => all + bucket.total, 0);
  const failure = late.reduce((all, bucket) => all + bucket.failure, 0);
  return `${SPAN_NAMES[bucketsOf]} ${read({ total, failure })}`;
}

/** The line of key figures. */
export class KeyFigures {
  readonly #tiles = TILES.map((tile) => {
    const value = el('dd', { class: 'value' });
    const below = el('dd', { class: 'below' });
    return { tile, value, below, box: el('div', { class: 'kpi' }, el('dt', {}, tile.name), value, below) };
  });

  constructor() {
    byId('kpis').append(el('dl', {}, ...this.#tiles.map(({ box }) => box)));
  }

  /** Shows the figures of a view. */
  show(view: View): void {
    for (const { tile, value, below, box } of this.#tiles) {
      setText(value, tile.read(view.figures));
      setText(below, tile.below(view));
      setAttribute(box, 'data-bad', tile.bad?.(view.figures));
    }
    const [calls] = this.#tiles;
    if (calls) setAttribute(calls.value, 'title', formatMany(view.figures.total, 'call'));
  }
}
