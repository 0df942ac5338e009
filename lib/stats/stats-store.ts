import type { Book } from './book.js';
import type { Delta } from './digest/delta.js';
import type { Page } from './periods.js';
import type { StoredError } from './stored-error.js';

/** What to read from a store. */
export interface ReadRequest {
  readonly api: string;
  /** A path, or the API as a whole; `undefined` for all paths. */
  readonly path: string | undefined;
  readonly pages: readonly Page[];
  /** How many of the API's newest errors. */
  readonly errors: number;
}

/** The result of a {@link ReadRequest}; it must not be changed. */
export interface Reading {
  /** Holds the requested pages, and maybe more. */
  readonly book: Book;
  /** Oldest first. */
  readonly errors: readonly StoredError[];
  /** Differs from an earlier reading's where pages have changed after their span was over. */
  readonly late: number;
  /** Redis did not reply: this is its last reply, with what waits here. */
  readonly partial: boolean;
}

/** State of a store. */
export interface StatsHealth {
  /** Whether Redis is in use. Otherwise everything waits in memory. */
  readonly usable: boolean;
  /** Requests that are recorded but not in Redis yet; 0 without Redis. */
  readonly unsent: number;
  /** Values in Redis that could not be read and were dropped. */
  readonly corrupt: number;
  /** Code of the last error of Redis, such as `ECONNREFUSED`. Never a message. */
  readonly lastError: string | undefined;
}

/** Adds up deltas. Nothing here throws or rejects, whatever happens to the database behind it. */
export interface StatsStore {
  add(api: string, delta: Delta): void;
  /** Sends what waits; resolves when it has arrived, or cannot for now. */
  flush(): Promise<void>;
  /** APIs that have any figures. */
  apis(): Promise<readonly string[]>;
  /** `undefined` for an unknown API. */
  read(request: ReadRequest, now: number): Promise<Reading | undefined>;
  /** A text that changes once another process has added something; `undefined` where there are no others. */
  revision(): Promise<string | undefined>;
  /** Removes all figures; absent where others have figures there, too. */
  clear?(): void;
  health(): StatsHealth;
  /** Sends what waits, as far as possible in a short time, and releases its resources. */
  close(): Promise<void>;
}
