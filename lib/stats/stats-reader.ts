import { type Book, WHOLE } from './book.js';
import { figuresOf, sumOf, Tally } from './digest/tally.js';
import { ALL, keptPages, type Page, SPANS, type SpanName, spanStart } from './periods.js';
import type { ResolvedSlo } from './slo/slo-options.js';
import { type SloStatus, sloPages, sloStatus } from './slo/slo-status.js';
import type { Figures, PathFigures, StatsQuery, StatsView, TimeBucket } from './stats-source.js';
import type { Reading, StatsStore } from './stats-store.js';
import { newestErrors } from './stored-error.js';

const DEFAULT_ERRORS = 10;
/** Recent errors are kept per API: to find those of one path, all of them are searched. */
const ALL_ERRORS = 1_000_000;
const CLOSED_KEPT = 8;
/** No longer name was ever counted, so none is looked for. */
const MAX_NAME = 200;

/** Sums per path over the hours and days that are over. */
interface ClosedPages {
  readonly hour: number;
  readonly late: number;
  readonly hours: ReadonlyMap<string, Tally>;
  readonly days: ReadonlyMap<string, Tally>;
}

/**
 * Builds the views that are shown from what a store holds. Their cost depends on how much is kept, not on the number
 * of requests.
 */
export class StatsReader {
  readonly #store: StatsStore;
  /** By API, oldest first: adding up thirty pages takes longer than everything else. */
  readonly #closed = new Map<string, ClosedPages>();

  constructor(store: StatsStore) {
    this.#store = store;
  }

  /** Forgets what it has added up. */
  reset(): void {
    this.#closed.clear();
  }

  /** @param configured whether an API without any figures is shown as one without requests */
  async view(
    query: StatsQuery,
    configured: boolean,
    now: number,
    objective?: ResolvedSlo,
  ): Promise<StatsView | undefined> {
    const slo = query.period === 'all' && query.path === undefined ? objective : undefined;
    const { api, path, period, errors = DEFAULT_ERRORS } = query;
    if (api.length > MAX_NAME || (path ?? '').length > MAX_NAME) return undefined;
    const pages = pagesOf(query, now);
    const searched = path === undefined ? errors : ALL_ERRORS;
    const all = [ALL, ...(slo ? sloPages(now) : pages)];
    const wanted = { api, path: path ?? WHOLE, pages: all, errors: errors > 0 ? searched : 0 };
    const reading = await this.#store.read(wanted, now);
    if (!reading && !configured) return undefined;
    if (path !== undefined && !reading?.book.has(path)) return undefined;
    const sum = reading?.book.get(ALL, path ?? WHOLE);
    const tallies = pages.map((page) => reading?.book.get(page, path ?? WHOLE));
    return {
      api,
      path,
      period,
      time: now,
      figures: figuresOf(period === 'all' ? sum : sumOf(tallies)),
      since: period === 'all' ? sum?.since : pages[0] && startOf(pages[0]),
      slo: slo && sloStatus(slo, now, (page) => reading?.book.get(page, WHOLE)),
      buckets: pages.flatMap((page, i) => bucketOf(page, tallies[i])),
      recentErrors: reading ? newestErrors(reading.errors, errors, path) : [],
    };
  }

  /** How an API does by its objective; `undefined` where the store does not say. */
  async slo(api: string, slo: ResolvedSlo, now: number): Promise<SloStatus | undefined> {
    const wanted = { api, path: WHOLE, pages: [ALL, ...sloPages(now)], errors: 0 };
    const reading = await this.#store.read(wanted, now);
    return sloStatus(slo, now, (page) => reading?.book.get(page, WHOLE));
  }

  async paths(api: string, configured: boolean, now: number): Promise<PathFigures[] | undefined> {
    if (api.length > MAX_NAME) return undefined;
    const current: Page[] = [
      { kind: 'paths', span: 'hour', start: spanStart('hour', now) },
      { kind: 'paths', span: 'day', start: spanStart('day', now) },
    ];
    const reading = await this.#read(api, [ALL, ...current], now);
    if (!reading) return configured ? [] : undefined;
    const { hours, days } = await this.#closedPages(api, reading, now);
    const [hour = ALL, day = ALL] = current;
    const { book } = reading;
    return book.paths(ALL).map((path) => ({
      path,
      all: figuresOf(book.get(ALL, path)),
      last24Hours: together(hours.get(path), book.get(hour, path)),
      last7Days: together(days.get(path), book.get(day, path)),
    }));
  }

  #read(api: string, pages: readonly Page[], now: number): Promise<Reading | undefined> {
    return this.#store.read({ api, path: undefined, pages, errors: 0 }, now);
  }

  async #closedPages(api: string, { late, partial }: Reading, now: number): Promise<ClosedPages> {
    const hour = spanStart('hour', now);
    const known = this.#closed.get(api);
    if (known && (partial || (known.hour === hour && known.late === late))) return known;
    const hours = await this.#sums(api, 'hour', now);
    const days = await this.#sums(api, 'day', now);
    const closed = { hour, late, hours: hours.sums, days: days.sums };
    // Pages that Redis did not return are read again the next time.
    if (!hours.partial && !days.partial) this.#keep(api, closed);
    return closed;
  }

  #keep(api: string, closed: ClosedPages): void {
    this.#closed.delete(api);
    this.#closed.set(api, closed);
    const [oldest] = this.#closed.keys();
    if (this.#closed.size > CLOSED_KEPT && oldest !== undefined) this.#closed.delete(oldest);
  }

  async #sums(
    api: string,
    span: SpanName,
    now: number,
  ): Promise<{ sums: Map<string, Tally>; partial: boolean }> {
    const sums = new Map<string, Tally>();
    let partial = false;
    for (const page of keptPages('paths', span, now).slice(0, -1)) {
      // One page at a time, so that requests are served in between.
      const reading = await this.#read(api, [page], now);
      if (reading) addPage(sums, reading.book, page);
      partial ||= reading?.partial ?? true;
      await new Promise(setImmediate);
    }
    return { sums, partial };
  }
}

function addPage(sums: Map<string, Tally>, book: Book, page: Page): void {
  for (const path of book.paths(page)) {
    const tally = book.get(page, path);
    if (!tally) continue;
    const sum = sums.get(path) ?? new Tally();
    sum.add(tally);
    sums.set(path, sum);
  }
}

function together(closed: Tally | undefined, current: Tally | undefined): Figures {
  return figuresOf(closed && current ? sumOf([closed, current]) : (closed ?? current));
}

const startOf = (page: Page): number | undefined => (page.kind === 'all' ? undefined : page.start);

const SPAN_OF = { all: 'minute', daily: 'day', hourly: 'hour' } as const;

function pagesOf({ path, period }: StatsQuery, now: number): Page[] {
  return keptPages(path === undefined ? 'api' : 'paths', SPAN_OF[period], now);
}

function bucketOf(page: Page, tally: Tally | undefined): TimeBucket[] {
  if (page.kind === 'all') return [];
  return [{ start: page.start, lengthMs: SPANS[page.span].lengthMs, ...figuresOf(tally) }];
}
