import { SLO_WINDOWS, type SloStatus } from './slo/slo-status.js';
import {
  type Figures,
  type Latency,
  type RecentError,
  STATS_PERIODS,
  type StatsPeriod,
  type StatsSource,
  type StatsView,
} from './stats-source.js';

/** A response of `/api-stats`; the body is to be sent as JSON. */
export interface ApiStatsResponse {
  readonly status: 200 | 400 | 404;
  readonly body: unknown;
}

/** A query as Express parses it, or of a URL. */
export type ApiStatsQuery = URLSearchParams | Readonly<Record<string, unknown>>;

const MAX_ERRORS = 1000;

/**
 * Builds the `/api-stats` response in the format of the OpenResty gateway; times are in seconds, as there. Without
 * `api` it lists the APIs, with `paths=1` the paths of one. `period` is all, daily or hourly; `errors` is how many
 * recent errors to list.
 */
export async function apiStats(source: StatsSource, query: ApiStatsQuery): Promise<ApiStatsResponse> {
  const timestamp = seconds(Date.now());
  const period = parameter(query, 'period') ?? 'all';
  if (!isPeriod(period)) return refusal(400, `Unknown period: ${short(period)}`, 'ERR_BAD_REQUEST');
  const errors = parameter(query, 'errors') ?? '10';
  if (!/^\d{1,4}$/.test(errors) || Number(errors) > MAX_ERRORS)
    return refusal(400, `errors must be a number from 0 to ${MAX_ERRORS}`, 'ERR_BAD_REQUEST');
  const api = parameter(query, 'api');
  if (api === undefined) return { status: 200, body: { timestamp, apis: await source.apis() } };
  const path = parameter(query, 'path');
  if (path === undefined && ['1', 'true'].includes(parameter(query, 'paths') ?? '')) {
    const paths = await source.paths(api);
    if (!paths) return unknownApi(api);
    return { status: 200, body: { timestamp, api, paths: paths.map((line) => line.path).sort() } };
  }
  const view = await source.view({ api, path, period, errors: Number(errors) });
  if (view) return { status: 200, body: bodyOf(view) };
  const apiExists = path !== undefined && (await source.view({ api, period, errors: 0 })) !== undefined;
  return apiExists ? refusal(404, `Unknown path: ${short(path)}`, 'ERR_UNKNOWN_PATH') : unknownApi(api);
}

function bodyOf(view: StatsView): object {
  const { api, path, period, time, since, slo, figures, open, buckets, recentErrors } = view;
  return {
    timestamp: seconds(time),
    api,
    path,
    period,
    since: since === undefined ? null : seconds(since),
    ...(slo && { slo: sloOf(slo) }),
    stats: { ...figuresOf(figures), recent_errors: recentErrors.map(errorOf) },
    ...(open && { open: { calls: open.calls, streams: open.streams, websockets: open.webSockets } }),
    ...(period === 'all'
      ? {}
      : {
          buckets: buckets.map((bucket) => ({
            start: seconds(bucket.start),
            length: seconds(bucket.lengthMs),
            ...figuresOf(bucket),
          })),
        }),
  };
}

function sloOf({ latencyMs, goodRatio, budgetLeft, burnRates, ...slo }: SloStatus): object {
  return {
    availability: slo.availability,
    latency: latencyMs === undefined ? null : seconds(latencyMs),
    total: slo.total,
    bad: slo.bad,
    good_ratio: goodRatio ?? null,
    budget_left: budgetLeft ?? null,
    burn_rate: Object.fromEntries(SLO_WINDOWS.map((window) => [window, burnRates[window] ?? null])),
    alert: slo.alert ?? null,
  };
}

function figuresOf(figures: Figures): object {
  return {
    total: figures.total,
    success: figures.success,
    failure: figures.failure,
    failed_by: figures.failedBy,
    aborted: figures.aborted,
    outcomes: inSnakeCase(figures.outcomes),
    status_codes: figures.statusCodes,
    response_time: latencyOf(figures.responseTime),
    time_to_first_byte: latencyOf(figures.timeToFirstByte),
    upstream_time: latencyOf(figures.upstreamTime),
    stream_time: latencyOf(figures.streamTime),
    websocket_time: latencyOf(figures.webSocketTime),
    websocket_bytes_in: figures.webSocketBytesIn,
    websocket_bytes_out: figures.webSocketBytesOut,
    bytes_in: figures.bytesIn,
    bytes_out: figures.bytesOut,
    cache: figures.cache,
    attempts: figures.attempts,
    attempt_results: inSnakeCase(figures.attemptResults),
    background: figures.background,
    retried: figures.retried,
    proxies: figures.proxies,
    errors: figures.errors,
  };
}

function latencyOf({ count, ...times }: Latency): object {
  const inSeconds = Object.entries(times).map(([name, ms]: [string, number | null]) => [
    name,
    ms === null ? null : seconds(ms),
  ]);
  return { count, ...Object.fromEntries(inSeconds) };
}

const inSnakeCase = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [
      name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      count,
    ]),
  );

function errorOf({ time, durationMs, requestId, ...error }: RecentError): object {
  return { time: seconds(time), ...error, request_id: requestId, response_time: seconds(durationMs) };
}

/** Rounded to microseconds. */
const seconds = (ms: number): number => Math.round(ms * 1000) / 1_000_000;

function parameter(query: ApiStatsQuery, name: string): string | undefined {
  const value =
    query instanceof URLSearchParams ? query.get(name) : Object.hasOwn(query, name) && query[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' && first !== '' ? first : undefined;
}

const isPeriod = (name: string): name is StatsPeriod => STATS_PERIODS.some((period) => period === name);

const short = (text = ''): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

const unknownApi = (api: string): ApiStatsResponse =>
  refusal(404, `Unknown API: ${short(api)}`, 'ERR_UNKNOWN_API');

function refusal(status: 400 | 404, error: string, code: string): ApiStatsResponse {
  return { status, body: { error, code } };
}
