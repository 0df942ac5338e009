// The JSON that the dashboards' routes respond with. The server imports these types.

import type { PathColumns } from './path-figures.js';

/** Period of statistics. */
export type Period = 'all' | 'daily' | 'hourly';

/** A distribution of times in milliseconds; all but `count` are `null` where nothing was measured. */
export interface Latency {
  readonly count: number;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Calls by some name. */
export type Counts = Readonly<Record<string, number>>;

/** What happened over one span of time. */
export interface Figures {
  readonly total: number;
  readonly success: number;
  readonly failure: number;
  /** These failures by who caused them: target, egress, client or self. */
  readonly failedBy: Counts;
  readonly aborted: number;
  /** All calls by how they ended: success, clientError, refused, failure or aborted. */
  readonly outcomes: Counts;
  readonly statusCodes: Counts;
  /** Total time, of streams to their head. */
  readonly responseTime: Latency;
  readonly timeToFirstByte: Latency;
  /** Of attempts, to the head of the API's response. */
  readonly upstreamTime: Latency;
  /** How long streams were open, from their head to their end. */
  readonly streamTime: Latency;
  readonly webSocketTime: Latency;
  readonly webSocketBytesIn: number;
  readonly webSocketBytesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly cache: Counts;
  readonly attempts: number;
  /** Attempts by what they say of the API: success, clientError, failure, otherFailure or abandoned. */
  readonly attemptResults: Counts;
  /** Attempts that the cache made by itself. */
  readonly background: number;
  readonly retried: number;
  readonly proxies: Counts;
  readonly errors: Counts;
}

/** Figures of one minute, hour or day. */
export interface TimeBucket extends Figures {
  /** Epoch milliseconds. */
  readonly start: number;
  readonly lengthMs: number;
}

/** A call that failed. */
export interface RecentError {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly status: number;
  readonly code?: string | undefined;
  readonly by?: string | undefined;
  readonly message: string;
  readonly method: string;
  readonly path: string;
  readonly requestId?: string | undefined;
  readonly durationMs: number;
  readonly attempts: number;
}

/** A line of the list of recent errors: a call that failed, or the refusals for one reason. */
export interface ErrorLine extends RecentError {
  /** What refused the calls and why, of which the rest of the line is the latest. */
  readonly refused?: { readonly by: string; readonly because: string } | undefined;
  /** How many they are, the first of them included. */
  readonly count?: number | undefined;
  /** When the first of them was, in epoch milliseconds. */
  readonly firstTime?: number | undefined;
}

/** How an API does by its objective. */
export interface Objective {
  /** Share of calls that are to be good. */
  readonly availability: number;
  readonly latencyMs?: number | undefined;
  /** Calls of the last 30 days, and how many of them were not good. */
  readonly total: number;
  readonly bad: number;
  readonly goodRatio?: number | undefined;
  readonly budgetLeft?: number | undefined;
  /** By window: `5m`, `30m`, `1h`, `6h` and `3d`. */
  readonly burnRates: Readonly<Record<string, number | undefined>>;
  readonly alert?: 'page' | 'ticket' | undefined;
}

/** Figures of one API or one of its paths. */
export interface View {
  readonly api: string;
  readonly path?: string | undefined;
  readonly period: Period;
  readonly time: number;
  /** Epoch milliseconds since when the figures are counted. */
  readonly since?: number | undefined;
  readonly slo?: Objective | undefined;
  readonly figures: Figures;
  /** What is open now; missing for a path. */
  readonly open?:
    | { readonly calls: number; readonly streams: number; readonly webSockets: number }
    | undefined;
  readonly buckets: readonly TimeBucket[];
  /** The period that the buckets are of: for a path minutes are not kept, so that all time has hours. */
  readonly bucketsOf: Period;
  /** Refusals come behind the errors that cause them. */
  readonly recentErrors: readonly ErrorLine[];
}

/** How an API did in the last minutes. */
export interface ApiState {
  readonly api: string;
  readonly total: number;
  readonly failure: number;
  /** Calls that ended in a 4xx of the API, were refused here, or that their clients left before the end. */
  readonly clientError: number;
  readonly refused: number;
  readonly aborted: number;
  /** Attempts at the API, those of the cache in the background among them, and how many failed by its fault. */
  readonly attempts: number;
  readonly attemptsFailed: number;
}

/** All APIs, by name. */
export interface Overview {
  /** How many minutes `total` and `failure` are over. */
  readonly minutes: number;
  readonly apis: readonly ApiState[];
  /** What is wrong with Redis; missing if nothing is. */
  readonly redis?: string | undefined;
}

/** Response of the statistics' `data` route; `view` and `paths` are missing where no API is known yet. */
export interface StatisticsData {
  readonly overview: Overview;
  readonly view?: View;
  readonly paths?: PathColumns;
}

/** State of a circuit. */
export type CircuitState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** One change of state. */
export interface Transition {
  readonly time: number;
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly reason: string;
}

/** Options of a circuit. */
export interface CircuitConfig {
  readonly failureThreshold: number;
  readonly failureStatuses: readonly (number | string)[];
  readonly resetTimeoutMs: number;
  readonly backoffFactor: number;
  readonly maxResetTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly successThreshold: number;
  readonly maxProbes: number;
  readonly probeTimeoutMs: number;
  readonly failureRatio: number | false;
  readonly minimumRequests: number;
  readonly windowMs: number;
  readonly slowCallMs: number | false;
  readonly slowCallRatio: number;
  readonly countRateLimited: boolean;
  readonly scope: 'fleet' | 'process';
  readonly quorum: number;
}

/** A circuit at one moment. */
export interface CircuitView {
  readonly api: string;
  /** Its name. */
  readonly circuit: string;
  readonly state: CircuitState;
  /** Whose state it is: that of all processes, or of this one alone. */
  readonly scope: 'fleet' | 'process';
  /** The process that has opened it; `null` if it is closed, or circuits are not shared. */
  readonly openedBy: string | null;
  readonly failures: number;
  /** What they were: `5 failures: 3 timeouts of the target, 2 resets`; empty without any. */
  readonly failureText: string;
  /** Attempts that failed through no fault of the target. */
  readonly notCounted: { readonly client: number; readonly egress: number; readonly self: number };
  readonly successes: number;
  readonly lastFailureTime: number | null;
  readonly lastFailure: string | null;
  /** How long it stays open in all. */
  readonly openForMs: number;
  /** `null` if it was forced open. */
  readonly timeToResetMs: number | null;
  readonly windowTotal: number;
  readonly failureRatio: number;
  readonly slowCallRatio: number;
  readonly config: CircuitConfig;
  readonly transitions: readonly Transition[];
  /** The API whose cached responses can be purged; missing if they cannot. */
  readonly purge?: string | undefined;
}

/** State of an egress proxy. */
export interface EgressProxy {
  readonly api: string;
  readonly name: string;
  readonly address?: string | undefined;
  readonly state: 'ok' | 'cooling-down' | 'probing';
  readonly coolsDownUntil?: number | undefined;
  readonly reason?: string | undefined;
  readonly failures: number;
  readonly attempts: number;
  readonly active: number;
  readonly successes: number;
  readonly latencyMs?: number | undefined;
  readonly bans: number;
  readonly bytesSent?: number | undefined;
  readonly bytesReceived?: number | undefined;
  readonly cost?: number | undefined;
}

/** A rate limit that a target has advertised. */
export interface Limit {
  readonly api: string;
  readonly name: string;
  readonly credential: string;
  readonly proxy?: string | undefined;
  readonly state: 'available' | 'exhausted';
  readonly remaining?: number | undefined;
  readonly limit?: number | undefined;
  readonly resetsAt?: number | undefined;
  readonly queued: number;
}

/** A configured rate limit. */
export interface QuotaView {
  readonly api: string;
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly remaining?: number | undefined;
  readonly queued: number;
  readonly waitingKeys: number;
}

/** Responses that the cache of an API did not store for one reason. */
export interface NotStored {
  readonly api: string;
  /** As `Cache-Status` names it. */
  readonly reason: string;
  readonly count: number;
}

/** Content of the page of circuits. */
export interface CircuitsData {
  /** Epoch milliseconds of the server's clock. */
  readonly time: number;
  readonly actions: boolean;
  readonly circuits: readonly CircuitView[];
  /** The worst of them, where there are very many. */
  readonly proxies: readonly EgressProxy[];
  /** Those that are left out; missing if there are none. */
  readonly moreProxies?: number | undefined;
  readonly limits: readonly Limit[];
  /** Missing if none is configured. */
  readonly quotas?: readonly QuotaView[] | undefined;
  /** What is wrong with Redis; missing if nothing is. */
  readonly redis?: string | undefined;
  /** Missing if there are none. */
  readonly notStored?: readonly NotStored[] | undefined;
}

/** Response of the circuits' `data` route, and of each action. */
export interface CircuitsResponse {
  readonly circuits: CircuitsData;
}

/** What can be done to a circuit. */
export type Action = 'open' | 'close' | 'reset' | 'purge';

/** A refusal or a failure. */
export interface Problem {
  readonly error: string;
  readonly code: string;
}
