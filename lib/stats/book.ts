import type { Delta } from './digest/delta.js';
import { OTHERS, Tally } from './digest/tally.js';
import { decodeTally, encodeTally } from './digest/tally-codec.js';
import {
  ALL,
  isOutside,
  lifetimeMs,
  type Page,
  pageId,
  SPAN_NAMES,
  SPANS,
  type SpanName,
  spanStart,
} from './periods.js';

/** The key of the API as a whole on a page, beside its paths: a path is never empty. */
export const WHOLE = '';

interface PageContent {
  readonly page: Page;
  readonly entries: Map<string, Tally | Uint8Array>;
  /** When it had changed, by the steady clock; `undefined` where that is not looked at yet. */
  changedAt: number | undefined;
}

/**
 * Tallies of one API by page and path. An entry stays packed until it is read. The memory store keeps one for the
 * life of the process; for a query to Redis, one is filled with the stored pages and the batches that are not merged
 * into them yet.
 */
export class Book {
  readonly #pages = new Map<string, PageContent>();
  readonly #maxPaths: number;
  /** Paths on the page of all that were not loaded into this book. */
  #pathsElsewhere = 0;
  #late = 0;
  #corrupt = 0;

  constructor(maxPaths: number) {
    this.#maxPaths = maxPaths;
  }

  /** Incremented whenever something is added to a page of paths whose span is over. */
  get late(): number {
    return this.#late;
  }

  /** Entries that could not be read. */
  get corrupt(): number {
    return this.#corrupt;
  }

  /** The tally of a path, or of the {@link WHOLE}; `undefined` where nothing was counted. */
  get(page: Page, path: string): Tally | undefined {
    const entries = this.#pages.get(pageId(page))?.entries;
    const entry = entries?.get(path);
    if (!entries || entry === undefined) return undefined;
    if (entry instanceof Tally) return entry;
    const tally = decodeTally(entry);
    if (tally) return tally;
    this.#corrupt++;
    entries.delete(path);
    return undefined;
  }

  /** Whether a path was ever requested. */
  has(path: string): boolean {
    return path !== WHOLE && (this.#pages.get(pageId(ALL))?.entries.has(path) ?? false);
  }

  /** The paths on a page. */
  paths(page: Page): string[] {
    return [...(this.#pages.get(pageId(page))?.entries.keys() ?? [])].filter((path) => path !== WHOLE);
  }

  /** Adds a packed entry. */
  put(page: Page, path: string, packed: Uint8Array): void {
    this.#content(page).entries.set(path, packed);
  }

  /** Sets how many paths the page of all has, where only some of them were loaded. */
  countPaths(all: number): void {
    this.#pathsElsewhere = Math.max(0, all - this.#pathsHere());
  }

  /**
   * Adds a delta to every page that it belongs to, and calls back for each entry that has changed. What looks too old
   * may be what a wrong clock makes of it.
   */
  apply(delta: Delta, now: number, changed?: (page: Page, path: string) => void): void {
    const add = (page: Page, path: string, tally: Tally): void => {
      this.#add(page, path, tally, delta.start);
      changed?.(page, path);
    };
    add(ALL, WHOLE, delta.total);
    for (const span of spansOf(delta))
      add({ kind: 'api', span, start: spanStart(span, delta.start) }, WHOLE, delta.total);
    for (const [path, tally] of delta.paths) {
      const name = this.#nameOf(path);
      add(ALL, name, tally);
      for (const span of spansOf(delta)) {
        const start = spanStart(span, delta.start);
        if (SPANS[span].keptOfPaths === 0) continue;
        add({ kind: 'paths', span, start }, name, tally);
        if (start < spanStart(span, now)) this.#late++;
      }
    }
  }

  /**
   * Drops pages that are no longer read, and packs those whose span is over. A page goes once it is as old by a clock
   * that is never set: a time of day that jumps ahead and back would take all history with it.
   */
  turn(now: number, steadyNow = now): void {
    for (const [id, content] of this.#pages) {
      const { page, entries } = content;
      if (page.kind === 'all') continue;
      content.changedAt ??= steadyNow;
      if (isOutside(page, now) && steadyNow - content.changedAt >= lifetimeMs(page)) this.#pages.delete(id);
      else if (page.start !== spanStart(page.span, now)) pack(entries);
    }
  }

  /** Beyond `maxPaths` paths are counted together. */
  #nameOf(path: string): string {
    if (this.has(path)) return path;
    return this.#pathsElsewhere + this.#pathsHere() < this.#maxPaths ? path : OTHERS;
  }

  #pathsHere(): number {
    const all = this.#pages.get(pageId(ALL))?.entries;
    return all ? all.size - (all.has(WHOLE) ? 1 : 0) : 0;
  }

  #add(page: Page, path: string, tally: Tally, start: number): void {
    const content = this.#content(page);
    const { entries } = content;
    content.changedAt = undefined;
    let sum = this.get(page, path);
    if (!sum) {
      sum = new Tally();
      if (page.kind === 'all') sum.since = start;
    }
    // One that an earlier version has stored does not say, and counts for longer.
    if (sum.since !== undefined && start < sum.since) sum.since = start;
    sum.add(tally);
    entries.set(path, sum);
  }

  #content(page: Page): PageContent {
    const id = pageId(page);
    let content = this.#pages.get(id);
    if (!content) {
      content = { page, entries: new Map(), changedAt: undefined };
      this.#pages.set(id, content);
    }
    return content;
  }
}

/** A delta of a whole day does not say which of its hours it belongs to. */
function spansOf(delta: Delta): readonly SpanName[] {
  return SPAN_NAMES.slice(SPAN_NAMES.indexOf(delta.span));
}

function pack(entries: Map<string, Tally | Uint8Array>): void {
  for (const [path, entry] of entries) {
    if (entry instanceof Tally) entries.set(path, encodeTally(entry));
  }
}
