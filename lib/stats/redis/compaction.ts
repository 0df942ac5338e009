import { Book } from '../book.js';
import type { Batch, Delta } from '../digest/delta.js';
import { OTHERS } from '../digest/tally.js';
import { encodeTally } from '../digest/tally-codec.js';
import { lifetimeMs, type Page, pageId } from '../periods.js';
import type { StatsKeys } from './keys.js';
import type { Fetched, WantedPage } from './page.js';
import { formatState, freshBatches } from './state.js';

/** Keys and arguments of the command that merges batches into the pages. */
export interface Commit {
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
}

interface Touched {
  readonly page: Page;
  readonly fields: Set<string>;
}

/** The deltas of those batches that are not merged yet. */
export function freshDeltas(batches: readonly Batch[], fetched: Fetched, now: number): Delta[] {
  return freshBatches(batches, fetched.state, now).fresh.flatMap((batch) => batch.deltas);
}

/** The pages to read before the deltas can be added to them. */
export function pagesToRead(deltas: readonly Delta[], now: number): WantedPage[] {
  const pages = applied(new Book(Number.POSITIVE_INFINITY), deltas, now);
  // Any path may turn out to exceed the limit.
  return pages.map(({ page, fields }) => ({ page, fields: [...fields.add(OTHERS)] }));
}

/**
 * Merges the batches into the pages that were read.
 * @param news the list of batches, and the state to compare with
 * @param base the pages that {@link pagesToRead} has named; it is changed
 */
export function commitOf(news: Fetched, base: Book, keys: StatsKeys, now: number, maxErrors: number): Commit {
  const { fresh, writers } = freshBatches(news.batches, news.state, now);
  const deltas = fresh.flatMap((batch) => batch.deltas);
  const pages = applied(base, deltas, now);
  const { version, late } = news.state;
  const state = formatState({ version: version + 1, late: late + base.late, writers }, now);
  const errors = maxErrors === 0 ? [] : deltas.flatMap((delta) => delta.errors).slice(-maxErrors);
  return {
    keys: [keys.state, keys.news, keys.errors, ...pages.map(({ page }) => keys.page(page))],
    args: [
      ...[news.rawState, state, news.newsLength, maxErrors, errors.length],
      ...errors.map((error) => JSON.stringify(error)),
      ...pages.flatMap((touched) => entriesOf(base, touched)),
    ],
  };
}

function applied(book: Book, deltas: readonly Delta[], now: number): Touched[] {
  const pages = new Map<string, Touched>();
  for (const delta of deltas) {
    book.apply(delta, now, (page, path) => {
      const id = pageId(page);
      const touched = pages.get(id) ?? { page, fields: new Set() };
      touched.fields.add(path);
      pages.set(id, touched);
    });
  }
  return [...pages.values()];
}

/**
 * Lifetime, number of hash fields, then fields and values. The lifetime begins anew with each change, whatever the time
 * of day is: a process whose clock is ahead must not expire what all have counted.
 */
function entriesOf(book: Book, { page, fields }: Touched): (string | number | Buffer)[] {
  const lifetime = lifetimeMs(page);
  const packed = [...fields].flatMap((field) => {
    const tally = book.get(page, field);
    return tally ? [field, encodeTally(tally)] : [];
  });
  return [Number.isFinite(lifetime) ? lifetime : 0, packed.length / 2, ...packed];
}
