import type { Period } from './contract.js';

/** The table of paths, column by column: half the size of an object for each path. */
export interface PathColumns {
  readonly api: string;
  readonly period: Period;
  readonly path: readonly string[];
  readonly total: readonly number[];
  readonly failure: readonly number[];
  /** `null` where nothing was measured. */
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  /** The 95th percentile of the upstream time; `null` where nothing was measured. */
  readonly upstreamP95: readonly (number | null)[];
  /** Calls that ended in a 4xx of the API, and those that were refused here. */
  readonly clientError: readonly number[];
  readonly refused: readonly number[];
  /** Calls served from the cache, and all cache lookups. */
  readonly hits: readonly number[];
  readonly lookups: readonly number[];
  readonly retried: readonly number[];
}
