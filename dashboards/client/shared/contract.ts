// The JSON that the dashboards' routes respond with. The server imports these types.

/** Period of statistics. */
export type Period = 'all' | 'daily' | 'hourly';

/** A distribution of times in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
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
  readonly statusCodes: Counts;
  readonly responseTime: Latency;
  readonly timeToFirstByte: Latency;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly cache: Counts;
  readonly attempts: number;
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

/** Figures of one API or one of its paths. */
export interface View {
  readonly api: string;
  readonly path?: string | undefined;
  readonly period: Period;
  readonly time: number;
  readonly figures: Figures;
  readonly buckets: readonly TimeBucket[];
  readonly recentErrors: readonly RecentError[];
}

/** How an API did in the last minutes. */
export interface ApiState {
  readonly api: string;
  readonly total: number;
  readonly failure: number;
}

/** All APIs, by name. */
export interface Overview {
  /** How many minutes `total` and `failure` are over. */
  readonly minutes: number;
  readonly apis: readonly ApiState[];
}

/** The table of paths, column by column: half the size of an object for each path. */
export interface PathColumns {
  readonly api: string;
  readonly period: Period;
  readonly path: readonly string[];
  readonly total: readonly number[];
  readonly failure: readonly number[];
  readonly p50: readonly number[];
  readonly p95: readonly number[];
  readonly p99: readonly number[];
  /** Calls served from the cache, and all cache lookups. */
  readonly hits: readonly number[];
  readonly lookups: readonly number[];
  readonly retried: readonly number[];
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
}

/** A circuit at one moment. */
export interface CircuitView {
  readonly api: string;
  /** Its name. */
  readonly circuit: string;
  readonly state: CircuitState;
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
  readonly proxies: readonly EgressProxy[];
  readonly limits: readonly Limit[];
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
