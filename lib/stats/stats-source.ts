import type { Outcome } from '../core/ended-call.js';
import type { Blame } from '../core/errors.js';
import type { CacheVerdict } from '../core/exchange.js';
import type { AttemptResult } from '../http/outcome.js';
import type { OpenCounts } from './open-counts.js';
import type { SloStatus } from './slo/slo-status.js';

export type { OpenCounts } from './open-counts.js';

/** The period of a query: all time, days (30 are kept) or hours (7 days are kept). */
export type StatsPeriod = 'all' | 'daily' | 'hourly';

/** The periods a client may request. */
export const STATS_PERIODS = ['all', 'daily', 'hourly'] as const satisfies readonly StatsPeriod[];

/**
 * A distribution of times in milliseconds: the smallest and largest, and percentiles by nearest rank, which are times
 * that calls have taken. All but `count` are `null` where nothing was measured.
 */
export interface Latency {
  readonly count: number;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Figures of an API's or a path's requests over one span of time. */
export interface Figures {
  readonly total: number;
  /** Complete responses with a status below 500, as the OpenResty gateway counts: 4xx and 429 refusals are among them. */
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
  /**
   * All requests, each by how it ended: `success`; `clientError`, a 4xx of the API; `refused` by this process, which
   * did not send it on; `failure`; `aborted`, its client left before it had all of the response. An event stream that
   * its client leaves has ended well.
   */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Requests by the status that the client got. */
  readonly statusCodes: Readonly<Record<string, number>>;
  /**
   * Total time: from the request to the end of the response, or until the client left before its head. Of a stream, to
   * its head; of a client that left during the body of another response, none.
   */
  readonly responseTime: Latency;
  /** From the request to the head of the response. */
  readonly timeToFirstByte: Latency;
  /**
   * Of each attempt, from its begin to the head of the target's response, or for as long as that was waited for in
   * vain. A response from the cache has none.
   */
  readonly upstreamTime: Latency;
  /**
   * Of each stream, from the head of the response to its end. Streams are event streams and the like, and responses
   * whose body takes longer than a second.
   */
  readonly streamTime: Latency;
  /** Bytes of request bodies. */
  readonly bytesIn: number;
  /** Bytes of response bodies. */
  readonly bytesOut: number;
  /** Requests by what the cache did with them; those that did not reach it are left out. */
  readonly cache: Readonly<Partial<Record<CacheVerdict, number>>>;
  /** Attempts at the target, those of the cache in the background among them. */
  readonly attempts: number;
  /**
   * These attempts by what they say of the target: `success`; `clientError`, a 4xx; `failure`, its own; `otherFailure`,
   * that of an egress proxy or of this process; `abandoned`, the client left.
   */
  readonly attemptResults: Readonly<Record<AttemptResult, number>>;
  /** Attempts that the cache made by itself, in the background. */
  readonly background: number;
  /** Requests that took more than one attempt. */
  readonly retried: number;
  /** Of each WebSocket that has closed, how long it was open. */
  readonly webSocketTime: Latency;
  /** Bytes received from clients over WebSockets, and sent to them. */
  readonly webSocketBytesIn: number;
  readonly webSocketBytesOut: number;
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
   * When counting of these figures began, in epoch milliseconds: for `all` the first call, for the others the begin of
   * the first bucket. `undefined` where nothing was counted, or an earlier version began it.
   */
  readonly since?: number | undefined;
  /** How the API does by its objective; only for `all`, without a path, and where it has one. */
  readonly slo?: SloStatus | undefined;
  /**
   * What is open now, in this process or in all of a gateway; of other processes that share a Redis, nothing is known.
   * Missing for a path.
   */
  readonly open?: OpenCounts | undefined;
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
  /** Names of the APIs that were requested or are configured, sorted; `(unknown)` is the last one. */
  apis(): Promise<readonly string[]>;
  /** `undefined` for an unknown API. */
  paths(api: string): Promise<readonly PathFigures[] | undefined>;
  /** `undefined` for an unknown API or path. */
  view(query: StatsQuery): Promise<StatsView | undefined>;
  /** What is wrong with Redis, so that figures of other processes may be missing; `undefined` if nothing is. */
  storeProblem?(): string | undefined;
  /**
   * Calls back when figures have changed, at most once a second.
   * @returns unsubscribes
   */
  onChange(listener: () => void): () => void;
}
