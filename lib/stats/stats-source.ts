import type { CacheVerdict } from '../core/exchange.js';

/** What the statistics are asked over: everything, days (30 are kept) or hours (7 days are kept). */
export type StatsPeriod = 'all' | 'daily' | 'hourly';

/** The periods a client may name. */
export const STATS_PERIODS = ['all', 'daily', 'hourly'] as const satisfies readonly StatsPeriod[];

/** A distribution of times in milliseconds. All but `count` are 0 where nothing was measured. */
export interface Latency {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What happened to the calls of an API or a path over one span of time. */
export interface Figures {
  readonly total: number;
  readonly success: number;
  /** Status 500 and above, or no answer at all. Calls whose client left are neither success nor failure. */
  readonly failure: number;
  /** Clients that left before the head of an answer. */
  readonly aborted: number;
  /** Calls by the status that the client got. */
  readonly statusCodes: Readonly<Record<string, number>>;
  /** From the request to the end of the answer. */
  readonly responseTime: Latency;
  /** From the request to the head of the answer. */
  readonly timeToFirstByte: Latency;
  /** Bytes of request bodies. */
  readonly bytesIn: number;
  /** Bytes of answers' bodies. */
  readonly bytesOut: number;
  /** Calls by what the cache did with them; those it was not asked about are left out. */
  readonly cache: Readonly<Partial<Record<CacheVerdict, number>>>;
  /** Attempts made at the target. */
  readonly attempts: number;
  /** Calls that took more than one attempt. */
  readonly retried: number;
  /** Attempts by the exit they went through; `direct` where there was none. */
  readonly proxies: Readonly<Record<string, number>>;
  /** Calls that were answered by an error of the gateway's, by its code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Figures of one minute, hour or day. */
export interface TimeBucket extends Figures {
  /** Begin, in epoch milliseconds; days and hours are those of UTC. */
  readonly start: number;
  readonly lengthMs: number;
}

/** A call that failed. Nothing in it holds a secret. */
export interface RecentError {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly status: number;
  /** Code of the gateway's error; `undefined` where the target answered so itself. */
  readonly code: string | undefined;
  readonly message: string;
  readonly method: string;
  /** The path as it was asked for, with credentials in its query masked. */
  readonly path: string;
  readonly requestId: string | undefined;
  readonly durationMs: number;
  readonly attempts: number;
}

/** A line of the table of paths. */
export interface PathFigures {
  /** The template, as `/users/:id`. */
  readonly path: string;
  readonly all: Figures;
  readonly last24Hours: Figures;
  readonly last7Days: Figures;
}

/** What is asked for. */
export interface StatsQuery {
  readonly api: string;
  /** A path template; all paths of the API where there is none. */
  readonly path?: string | undefined;
  readonly period: StatsPeriod;
  /**
   * How many recent errors to list.
   * @default 10
   */
  readonly errors?: number | undefined;
}

/** The answer to a {@link StatsQuery}. */
export interface StatsView {
  readonly api: string;
  readonly path: string | undefined;
  readonly period: StatsPeriod;
  /** Epoch milliseconds of the moment it was read. */
  readonly time: number;
  /** Over all of the period. */
  readonly figures: Figures;
  /**
   * Oldest first, without gaps: days for `daily`, hours for `hourly`, the minutes of the last hour for `all`. Of a
   * path, days and hours reach back 7 days and 24 hours, and there are no minutes: empty.
   */
  readonly buckets: readonly TimeBucket[];
  /** Newest first. */
  readonly recentErrors: readonly RecentError[];
}

/** Where dashboards and endpoints read statistics: what `stats()` is given and keeps up to date. */
export interface StatsSource {
  /** Names of the APIs that were called or are configured, sorted. */
  apis(): Promise<readonly string[]>;
  /** `undefined` for an unknown API. */
  paths(api: string): Promise<readonly PathFigures[] | undefined>;
  /** `undefined` for an unknown API or path. */
  view(query: StatsQuery): Promise<StatsView | undefined>;
  /** Calls back when figures have changed, at most once a second. @returns what ends it */
  onChange(listener: () => void): () => void;
}
