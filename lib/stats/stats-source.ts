import type { Blame } from '../core/errors.js';
import type { CacheVerdict } from '../core/exchange.js';

/** The period of a query: all time, days (30 are kept) or hours (7 days are kept). */
export type StatsPeriod = 'all' | 'daily' | 'hourly';

/** The periods a client may request. */
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

/** Figures of an API's or a path's requests over one span of time. */
export interface Figures {
  readonly total: number;
  readonly success: number;
  /** Status 500 and above, or no response at all. Requests whose client left are neither success nor failure. */
  readonly failure: number;
  /**
   * These failures by who caused them: `target`, `egress` (a proxy), `client`, or `self`: this process, by a
   * refusal of a stage or an error of its own.
   */
  readonly failedBy: Readonly<Partial<Record<Blame, number>>>;
  /** Clients that left before the head of a response. */
  readonly aborted: number;
  /** Requests by the status that the client got. */
  readonly statusCodes: Readonly<Record<string, number>>;
  /** From the request to the end of the response. */
  readonly responseTime: Latency;
  /** From the request to the head of the response. */
  readonly timeToFirstByte: Latency;
  /** Bytes of request bodies. */
  readonly bytesIn: number;
  /** Bytes of response bodies. */
  readonly bytesOut: number;
  /** Requests by what the cache did with them; those that did not reach it are left out. */
  readonly cache: Readonly<Partial<Record<CacheVerdict, number>>>;
  /** Attempts at the target. */
  readonly attempts: number;
  /** Requests that took more than one attempt. */
  readonly retried: number;
  /** Attempts by the egress proxy they went through; `direct` without one. */
  readonly proxies: Readonly<Record<string, number>>;
  /** Requests that got an error response of the gateway, by its code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Figures of one minute, hour or day. */
export interface TimeBucket extends Figures {
  /** Start, in epoch milliseconds; days and hours are those of UTC. */
  readonly start: number;
  readonly lengthMs: number;
}

/** A failed request. Nothing in it holds a secret. */
export interface RecentError {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly status: number;
  /** Code of the gateway's error; `undefined` where the target itself sent the status. */
  readonly code: string | undefined;
  /** Who caused it; `undefined` for errors that an earlier version has stored. */
  readonly by?: Blame | undefined;
  readonly message: string;
  readonly method: string;
  /** The requested path, with credentials in its query masked. */
  readonly path: string;
  readonly requestId: string | undefined;
  readonly durationMs: number;
  readonly attempts: number;
}

/** A row of the table of paths. */
export interface PathFigures {
  /** The template, such as `/users/:id`. */
  readonly path: string;
  readonly all: Figures;
  readonly last24Hours: Figures;
  readonly last7Days: Figures;
}

/** A query for statistics. */
export interface StatsQuery {
  readonly api: string;
  /** A path template; without one, all paths of the API. */
  readonly path?: string | undefined;
  readonly period: StatsPeriod;
  /**
   * How many recent errors to list.
   * @default 10
   */
  readonly errors?: number | undefined;
}

/** The result of a {@link StatsQuery}. */
export interface StatsView {
  readonly api: string;
  readonly path: string | undefined;
  readonly period: StatsPeriod;
  /** Epoch milliseconds of the moment it was read. */
  readonly time: number;
  /** Figures of the whole period. */
  readonly figures: Figures;
  /**
   * Oldest first, without gaps: days for `daily`, hours for `hourly`, the minutes of the last hour for `all`. For a
   * path, days and hours reach back 7 days and 24 hours, and there are no minutes: the list is empty.
   */
  readonly buckets: readonly TimeBucket[];
  /** Newest first. */
  readonly recentErrors: readonly RecentError[];
}

/** The source from which dashboards and endpoints read statistics; `stats()` provides it. */
export interface StatsSource {
  /** Names of the APIs that were requested or are configured, sorted. */
  apis(): Promise<readonly string[]>;
  /** `undefined` for an unknown API. */
  paths(api: string): Promise<readonly PathFigures[] | undefined>;
  /** `undefined` for an unknown API or path. */
  view(query: StatsQuery): Promise<StatsView | undefined>;
  /**
   * Calls back when figures have changed, at most once a second.
   * @returns unsubscribes
   */
  onChange(listener: () => void): () => void;
}
