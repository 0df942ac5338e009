import type { SloStatus } from '../../lib/stats/slo/slo-status.js';
import type {
  Figures,
  Latency,
  PathFigures,
  RecentError,
  StatsQuery,
  StatsSource,
  StatsView,
  TimeBucket,
} from '../../lib/stats/stats-source.js';

/** Parameters of the figures of one API. */
export interface FakeApi {
  readonly paths: readonly string[];
  /** Calls in an hour. */
  readonly calls: number;
  /** Share of calls that fail. */
  readonly failing: number;
  readonly slo?: SloStatus;
  readonly errors?: readonly RecentError[];
}

/** Generated statistics: any number of paths, and the same figures at each run. */
export interface FakeStats extends StatsSource {
  /** Number of calls of each function, by name. */
  readonly reads: Record<'apis' | 'paths' | 'view', number>;
  /** Number of listeners. */
  readonly listeners: number;
  /** Adds this many calls to every API, and calls the listeners. */
  grow(calls: number): void;
  /** Makes every further read fail. */
  fail(error: Error | undefined): void;
  add(name: string, api: FakeApi): void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Statistics of these APIs, read at this moment. */
export function fakeStats(apis: Readonly<Record<string, FakeApi>>, now = () => Date.now()): FakeStats {
  const known = new Map(Object.entries(apis));
  const listeners = new Set<() => void>();
  const reads = { apis: 0, paths: 0, view: 0 };
  let grown = 0;
  let broken: Error | undefined;

  async function count(name: keyof typeof reads): Promise<void> {
    reads[name]++;
    if (broken) throw broken;
  }

  return {
    reads,
    get listeners() {
      return listeners.size;
    },
    grow(calls) {
      grown += calls;
      for (const listener of listeners) listener();
    },
    fail(error) {
      broken = error;
    },
    add(name, api) {
      known.set(name, api);
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async apis() {
      await count('apis');
      return [...known.keys()].sort();
    },
    async paths(name) {
      await count('paths');
      const api = known.get(name);
      return api?.paths.map((path, i) => pathLine(api, path, i, grown));
    },
    async view(query) {
      await count('view');
      const api = known.get(query.api);
      const at = query.path === undefined ? -1 : (api?.paths.indexOf(query.path) ?? -1);
      if (!api || (query.path !== undefined && at < 0)) return undefined;
      return viewOf(api, query, at, grown, now());
    },
  };
}

function viewOf(api: FakeApi, query: StatsQuery, at: number, grown: number, time: number): StatsView {
  const { period, path } = query;
  const calls = path === undefined ? api.calls : callsOf(api, at);
  const buckets = path !== undefined && period === 'all' ? [] : bucketsOf(api, calls, query, time);
  const all = figuresOf(calls * (period === 'all' ? 24 * 40 : 24 * 7) + grown, api.failing, Math.max(0, at));
  const recentErrors = (api.errors ?? []).slice(0, query.errors ?? 10);
  const since =
    period === 'all' ? Math.floor((time - 40 * DAY_MS) / MINUTE_MS) * MINUTE_MS : buckets[0]?.start;
  const slo = period === 'all' && path === undefined ? api.slo : undefined;
  return { api: query.api, path, period, time, since, slo, figures: all, buckets, recentErrors };
}

function bucketsOf(api: FakeApi, calls: number, { period, path }: StatsQuery, time: number): TimeBucket[] {
  const lengthMs = { all: MINUTE_MS, hourly: HOUR_MS, daily: DAY_MS }[period];
  const length =
    path === undefined
      ? { all: 60, hourly: 168, daily: 30 }[period]
      : { all: 0, hourly: 24, daily: 7 }[period];
  const last = Math.floor(time / lengthMs) * lengthMs;
  return Array.from({ length }, (_, i) => {
    const start = last - (length - 1 - i) * lengthMs;
    // An outage in the last quarter, to have something to show.
    const outage = api.failing > 0 && i > length * 0.72 && i < length * 0.86;
    const busy = 1 + 0.5 * Math.sin((i / length) * Math.PI * (period === 'hourly' ? 14 : 3)) + 0.3 * noise(i);
    const total = Math.round((calls * lengthMs * busy) / HOUR_MS);
    return {
      start,
      lengthMs,
      ...figuresOf(total, outage ? Math.min(1, api.failing * 6 + 0.1) : api.failing, i, outage ? 4 : 1),
    };
  });
}

function pathLine(api: FakeApi, path: string, i: number, grown: number): PathFigures {
  const calls = callsOf(api, i);
  const failing = noise(i + 7) > 0.7 ? api.failing * 3 : 0;
  return {
    path,
    all: figuresOf(calls * 960 + grown, failing, i),
    last24Hours: figuresOf(calls * 24 + grown, failing, i),
    last7Days: figuresOf(calls * 168 + grown, failing, i),
  };
}

/** A few paths get most of the calls. */
const callsOf = (api: FakeApi, i: number): number => Math.max(1, Math.round((api.calls * 0.4) / (i + 1)));

/** A pseudo-random number from 0 to 1, the same for the same input. */
function noise(seed: number): number {
  const x = Math.sin(seed * 12.9898 + 4.1414) * 43758.5453;
  return x - Math.floor(x);
}

/** Figures of this many calls. */
export function figuresOf(total: number, failing: number, seed = 0, slow = 1): Figures {
  const failure = Math.round(total * Math.min(1, failing));
  const [refused, notFound] = [Math.round(failure * 0.3), Math.round(total * 0.012)];
  const ok = Math.max(0, total - failure - notFound);
  const hits = Math.round(total * 0.38);
  const aborted = Math.round(total * 0.0008);
  const attempts = total - hits + Math.round(failure * 1.4);
  const failed = Math.round(failure * 1.2);
  return {
    total,
    success: total - failure,
    failure,
    failedBy: withoutZero({ target: refused, self: failure - refused }),
    aborted,
    outcomes: {
      success: Math.max(0, ok - aborted),
      clientError: notFound,
      refused: failure - refused,
      failure: refused,
      aborted,
    },
    statusCodes: withoutZero({ 200: ok, 404: notFound, 503: failure - refused, 504: refused }),
    responseTime: latencyOf(total, seed, slow),
    timeToFirstByte: latencyOf(total, seed + 3, slow * 0.7),
    upstreamTime: latencyOf(attempts, seed, slow * 1.6),
    streamTime: latencyOf(0, seed, slow),
    webSocketTime: latencyOf(0, seed, slow),
    webSocketBytesIn: 0,
    webSocketBytesOut: 0,
    bytesIn: total * 310,
    bytesOut: total * 8400,
    cache: withoutZero({
      hit: hits,
      miss: Math.round(total * 0.5),
      stale: failure && Math.round(total * 0.02),
      coalesced: Math.round(total * 0.03),
    }),
    attempts,
    attemptResults: {
      success: Math.max(0, attempts - failed - notFound),
      clientError: notFound,
      failure: failed,
      otherFailure: 0,
      abandoned: 0,
    },
    background: 0,
    retried: Math.round(failure * 0.7),
    proxies: withoutZero({
      'eu-1.proxy.example:3128': Math.round(total * 0.3),
      'us-1.proxy.example:3128': Math.round(total * 0.28),
      direct: Math.round(total * 0.04),
    }),
    errors: withoutZero({ ERR_CIRCUIT_OPEN: failure - refused, ERR_UPSTREAM_TIMEOUT: refused }),
  };
}

function withoutZero(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value > 0));
}

function latencyOf(count: number, seed: number, slow: number): Latency {
  if (count === 0) return { count: 0, min: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 };
  const p50 = (38 + 30 * noise(seed)) * slow;
  const spread = 1 + 0.4 * noise(seed + 1);
  return {
    count,
    min: 1.8,
    p50,
    p90: p50 * 2.3 * spread,
    p95: p50 * 3.4 * spread,
    p99: p50 * 7 * spread,
    max: p50 * 22,
  };
}
