import type { Book } from './book.js';
import type { Delta } from './digest/delta.js';
import type { Page } from './periods.js';
import type { StoredError } from './stored-error.js';

/** What somebody wants to read. */
export interface ReadRequest {
  readonly api: string;
  /** A path, or the API as a whole; `undefined` for all paths. */
  readonly path: string | undefined;
  readonly pages: readonly Page[];
  /** How many of the newest errors of the API. */
  readonly errors: number;
}

/** The answer to a {@link ReadRequest}; not to be changed. */
export interface Reading {
  /** Holds the pages that were asked for, and maybe more. */
  readonly book: Book;
  /** Oldest first. */
  readonly errors: readonly StoredError[];
  /** Differs from an earlier reading's where pages have changed whose time was over. */
  readonly late: number;
  /** Redis did not answer: this is what was last read of it, and what waits here. */
  readonly partial: boolean;
}

/** How a store is. */
export interface StatsHealth {
  /** It is asked. Otherwise everything waits in memory. */
  readonly usable: boolean;
  /** Calls that are recorded but not in Redis yet; 0 where there is no Redis. */
  readonly unsent: number;
  /** Values in Redis that could not be read and were dropped. */
  readonly corrupt: number;
  /** Code of what went wrong last with Redis, as `ECONNREFUSED`. Never a message. */
  readonly lastError: string | undefined;
}

/** Where deltas are added up. Nothing here throws or rejects, whatever happens to what is behind it. */
export interface StatsStore {
  add(api: string, delta: Delta): void;
  /** Sends what waits; resolves when it has arrived, or will not for now. */
  flush(): Promise<void>;
  /** APIs that something was ever added to. */
  apis(): Promise<readonly string[]>;
  /** `undefined` for an API that nothing is known of. */
  read(request: ReadRequest, now: number): Promise<Reading | undefined>;
  /** A text that differs once others have added something; `undefined` where there are no others. */
  revision(): Promise<string | undefined>;
  health(): StatsHealth;
  /** Sends what waits, as far as that can be done in a short time, and frees everything. */
  close(): Promise<void>;
}
