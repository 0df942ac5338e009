import type { RedisClient } from '../../redis/client.js';
import { Book, WHOLE } from '../book.js';
import { type Batch, decodeBatch } from '../digest/delta.js';
import { ALL, type Page } from '../periods.js';
import { parseError, type StoredError } from '../stored-error.js';
import type { StatsKeys } from './keys.js';
import { READ } from './scripts.js';
import { parseState, type StatsState } from './state.js';

/** A page and the fields of it that are wanted; `undefined` for all. */
export interface WantedPage {
  readonly page: Page;
  readonly headers: readonly string[] | undefined;
}

/** What Redis holds of an API at one moment. */
export interface Fetched {
  /** As it is stored: what a commit is compared with. */
  readonly rawState: Buffer;
  readonly state: StatsState;
  /** How many entries the list of news has; those that are damaged are not among the batches. */
  readonly newsLength: number;
  readonly batches: readonly Batch[];
  /** Oldest first. */
  readonly errors: readonly StoredError[];
  /** The pages without the news. */
  readonly book: Book;
  /** Whether there is anything of this API. */
  readonly known: boolean;
}

/** There is one of each command for answers in bytes; ioredis' types leave this one out. */
type WithBuffers = RedisClient & {
  evalBuffer(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
};

/** Sends the one command that reads all this. The page of all comes first among those wanted. */
export function fetchPages(
  client: RedisClient,
  keys: StatsKeys,
  wanted: readonly WantedPage[],
  errors: number,
): Promise<unknown> {
  const pageKeys = wanted.map(({ page }) => keys.page(page));
  const args = wanted.flatMap(({ headers }) => (headers ? [headers.length, ...headers] : [-1]));
  const allKeys = [keys.state, keys.news, keys.errors, ...pageKeys];
  return (client as WithBuffers).evalBuffer(READ, allKeys.length, ...allKeys, errors, ...args);
}

/** Puts the wanted pages in order: the page of all is first, if only for its number of paths. */
export function wantedPages(pages: readonly Page[], headers: readonly string[] | undefined): WantedPage[] {
  const others = pages.filter((page) => page.kind !== 'all');
  const all = { page: ALL, headers: others.length < pages.length ? headers : [] };
  return [all, ...others.map((page) => ({ page, headers }))];
}

/** Makes sense of what {@link fetchPages} was answered; `undefined` where it is something else. */
export function readFetched(
  response: unknown,
  wanted: readonly WantedPage[],
  maxPaths: number,
): Fetched | undefined {
  if (!Array.isArray(response)) return undefined;
  const [rawState, news, errors, paths, ...pages] = response as unknown[];
  const entries = buffers(news);
  const book = new Book(maxPaths);
  for (const [i, { page, headers }] of wanted.entries()) fill(book, page, headers, pages[i]);
  const all = typeof paths === 'number' ? paths : 0;
  book.countPaths(Math.max(0, all - 1));
  return {
    rawState: Buffer.isBuffer(rawState) ? rawState : Buffer.alloc(0),
    state: parseState(Buffer.isBuffer(rawState) ? rawState.toString() : ''),
    newsLength: Array.isArray(news) ? news.length : 0,
    batches: entries.map((entry) => decodeBatch(entry)).filter((batch) => batch !== undefined),
    errors: buffers(errors)
      .reverse()
      .map((entry) => parseError(entry.toString()))
      .filter((error) => error !== undefined),
    book,
    known: all > 0 || entries.length > 0,
  };
}

function fill(book: Book, page: Page, headers: readonly string[] | undefined, values: unknown): void {
  if (!Array.isArray(values)) return;
  if (headers) {
    for (const [i, header] of headers.entries()) {
      if (Buffer.isBuffer(values[i])) book.put(page, header, values[i]);
    }
    return;
  }
  for (let i = 0; i + 1 < values.length; i += 2) {
    const header = String(values[i]);
    if (header !== WHOLE && Buffer.isBuffer(values[i + 1])) book.put(page, header, values[i + 1]);
  }
}

const buffers = (list: unknown): Buffer[] =>
  Array.isArray(list) ? list.filter((entry) => Buffer.isBuffer(entry)) : [];
