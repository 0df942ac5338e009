import type { RedisClient } from '../../redis/client.js';
import { Book, WHOLE } from '../book.js';
import { type Batch, decodeBatch } from '../digest/delta.js';
import { ALL, type Page } from '../periods.js';
import { parseError, type StoredError } from '../stored-error.js';
import type { StatsKeys } from './keys.js';
import { READ } from './scripts.js';
import { parseState, type StatsState } from './state.js';

/** A page and which of its hash fields are wanted; `undefined` for all. */
export interface WantedPage {
  readonly page: Page;
  readonly fields: readonly string[] | undefined;
}

/** What Redis holds for an API at one moment. */
export interface Fetched {
  /** As it is stored, for a commit to compare with. */
  readonly rawState: Buffer;
  readonly state: StatsState;
  /** Length of the list of batches, including damaged ones, which are not among `batches`. */
  readonly newsLength: number;
  readonly batches: readonly Batch[];
  /** Oldest first. */
  readonly errors: readonly StoredError[];
  /** The pages, without those batches. */
  readonly book: Book;
  /** Whether anything is stored for this API. */
  readonly known: boolean;
}

/** Each command has a variant that replies with bytes; ioredis' types leave this one out. */
type WithBuffers = RedisClient & {
  evalBuffer(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
};

/** Reads all of this with one command. The page of all has to be the first of those wanted. */
export function fetchPages(
  client: RedisClient,
  keys: StatsKeys,
  wanted: readonly WantedPage[],
  errors: number,
): Promise<unknown> {
  const pageKeys = wanted.map(({ page }) => keys.page(page));
  const args = wanted.flatMap(({ fields }) => (fields ? [fields.length, ...fields] : [-1]));
  const allKeys = [keys.state, keys.news, keys.errors, ...pageKeys];
  return (client as WithBuffers).evalBuffer(READ, allKeys.length, ...allKeys, errors, ...args);
}

/** Sorts the wanted pages: the page of all is always first, if only for its number of paths. */
export function wantedPages(pages: readonly Page[], fields: readonly string[] | undefined): WantedPage[] {
  const others = pages.filter((page) => page.kind !== 'all');
  const all = { page: ALL, fields: others.length < pages.length ? fields : [] };
  return [all, ...others.map((page) => ({ page, fields }))];
}

/** Parses the reply to {@link fetchPages}; `undefined` where it is something else. */
export function readFetched(
  reply: unknown,
  wanted: readonly WantedPage[],
  maxPaths: number,
): Fetched | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [rawState, news, errors, paths, ...pages] = reply as unknown[];
  const entries = buffers(news);
  const book = new Book(maxPaths);
  for (const [i, { page, fields }] of wanted.entries()) fill(book, page, fields, pages[i]);
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

function fill(book: Book, page: Page, fields: readonly string[] | undefined, values: unknown): void {
  if (!Array.isArray(values)) return;
  if (fields) {
    for (const [i, field] of fields.entries()) {
      if (Buffer.isBuffer(values[i])) book.put(page, field, values[i]);
    }
    return;
  }
  for (let i = 0; i + 1 < values.length; i += 2) {
    const field = String(values[i]);
    if (field !== WHOLE && Buffer.isBuffer(values[i + 1])) book.put(page, field, values[i + 1]);
  }
}

const buffers = (list: unknown): Buffer[] =>
  Array.isArray(list) ? list.filter((entry) => Buffer.isBuffer(entry)) : [];
