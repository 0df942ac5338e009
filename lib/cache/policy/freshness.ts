import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import { type CacheControl, parseDeltaSeconds } from './cache-control.js';
import type { RawHeaders } from './headers.js';
import type { ResponseDirectives } from './targeted-cache-control.js';

/** Share of the time since the last change for which a response without explicit freshness is fresh. */
export const HEURISTIC_RATIO = 0.1;

/** Limit on heuristic freshness, in milliseconds: a file unchanged for ten years may change tomorrow. */
export const MAX_HEURISTIC_MS = 24 * 60 * 60 * 1000;

/** Statuses that may be heuristically fresh (RFC 9110 §15.1), except 206, which is never stored. */
const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** Head of a response with the times of its request, in epoch milliseconds. */
export interface TimedResponse {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** When the request was sent. */
  readonly requestTime: number;
  /** When the head arrived. */
  readonly responseTime: number;
  /**
   * The same by the time of day, which others' dates are compared with; the times above are of a clock that never goes
   * back.
   */
  readonly wallTime?: number;
}

/** When the head of a response arrived, by the time of day. */
export function wallTimeOf({ wallTime, responseTime }: TimedResponse): number {
  return wallTime ?? responseTime;
}

/** Default windows where a response names none. */
export interface StaleDefaults {
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** The freshness of a response as points in time, in epoch milliseconds. */
export interface Freshness {
  /** When its age was 0, on our clock. */
  readonly bornAt: number;
  /** Its `Date`; the time of arrival where that is missing or wrong. */
  readonly dateMs: number;
  readonly freshUntil: number;
  readonly staleWhileRevalidateUntil: number;
  readonly staleIfErrorUntil: number;
  /** It must not be used stale, whatever a client or an operator would accept. */
  readonly staleForbidden: boolean;
}

/** Freshness of a response in a shared cache (RFC 9111 §4.2, RFC 5861). */
export function responseFreshness(
  response: TimedResponse,
  { directives, targeted }: ResponseDirectives,
  defaults: StaleDefaults,
): Freshness {
  const dateMs = responseDate(response);
  const bornAt = response.responseTime - initialAgeMs(response, dateMs);
  const lifetimeMs =
    explicitLifetimeMs(response, directives, targeted, dateMs) ??
    heuristicLifetimeMs(response, directives, dateMs);
  // A response with `no-cache` is never fresh and never usable without validation (RFC 9111 §5.2.2.4).
  const freshUntil = bornAt + (directives.noCache ? 0 : lifetimeMs);
  const staleForbidden = forbidsStale(directives);
  const window = (seconds: number | undefined, defaultMs: number): number =>
    staleForbidden ? freshUntil : freshUntil + (seconds === undefined ? defaultMs : seconds * 1000);
  return {
    bornAt,
    dateMs,
    freshUntil,
    staleWhileRevalidateUntil: window(directives.staleWhileRevalidate, defaults.staleWhileRevalidateMs),
    staleIfErrorUntil: window(directives.staleIfError, defaults.staleIfErrorMs),
    staleForbidden,
  };
}

/** Whether a response states its freshness, even if that is 0 or cannot be read. */
export function hasExplicitFreshness(
  rawHeaders: RawHeaders,
  { directives, targeted }: ResponseDirectives,
): boolean {
  if (directives.maxAge !== undefined || directives.sMaxage !== undefined) return true;
  return !targeted && headerValue(rawHeaders, 'expires') !== undefined;
}

/** Whether a response may be heuristically fresh: by its status, or because it is `public` (RFC 9111 §4.2.2). */
export function isHeuristicallyCacheable(status: number, directives: CacheControl): boolean {
  return directives.public || HEURISTIC_STATUSES.has(status);
}

/** Directives that forbid a shared cache to send anything stale (RFC 9111 §4.2.4, §5.2.2.10). */
function forbidsStale(directives: CacheControl): boolean {
  return (
    directives.mustRevalidate ||
    directives.proxyRevalidate ||
    directives.noCache ||
    directives.sMaxage !== undefined
  );
}

/** The `Date` of a response; the time of arrival where that is missing or wrong (RFC 9110 §6.6.1). */
export function responseDate(response: TimedResponse): number {
  const date = headerValue(response.rawHeaders, 'date');
  const parsed = date === undefined ? undefined : parseHttpDate(date, response.responseTime);
  return parsed ?? wallTimeOf(response);
}

/** Age of a response when its head arrived, in milliseconds (RFC 9111 §4.2.3). */
export function initialAgeMs(response: TimedResponse, dateMs: number): number {
  // `Date` has whole seconds: the fraction it cuts off is not age.
  const apparentMs = Math.max(0, Math.floor((wallTimeOf(response) - dateMs) / 1000) * 1000);
  const delayMs = Math.max(0, response.responseTime - response.requestTime);
  return Math.max(apparentMs, receivedAgeMs(response.rawHeaders) + delayMs);
}

/** The first member of the first `Age` line; anything but digits is ignored (RFC 9111 §5.1). */
function receivedAgeMs(rawHeaders: RawHeaders): number {
  const first = headerValue(rawHeaders, 'age')?.split(',', 1)[0]?.trim();
  return (parseDeltaSeconds(first) ?? 0) * 1000;
}

/** `s-maxage` over `max-age` over `Expires` (RFC 9111 §4.2.1); `undefined` where there is none of them. */
function explicitLifetimeMs(
  response: TimedResponse,
  directives: CacheControl,
  targeted: boolean,
  dateMs: number,
): number | undefined {
  const seconds = directives.sMaxage ?? directives.maxAge;
  if (seconds !== undefined) return seconds * 1000;
  if (targeted) return undefined;
  const expires = headerValue(response.rawHeaders, 'expires');
  if (expires === undefined) return undefined;
  const expiresMs = parseHttpDate(expires, response.responseTime);
  // A date that cannot be read, `0` above all, means already expired (RFC 9111 §5.3).
  return expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs);
}

function heuristicLifetimeMs(response: TimedResponse, directives: CacheControl, dateMs: number): number {
  if (!isHeuristicallyCacheable(response.status, directives)) return 0;
  const text = headerValue(response.rawHeaders, 'last-modified');
  const lastModified = text === undefined ? undefined : parseHttpDate(text, response.responseTime);
  if (lastModified === undefined) return 0;
  return Math.min(Math.max(0, dateMs - lastModified) * HEURISTIC_RATIO, MAX_HEURISTIC_MS);
}

/** The points in time that a look-up compares with the clock. */
export interface StoredFreshness {
  readonly bornAt: number;
  readonly freshUntil: number;
  readonly staleWhileRevalidateUntil: number;
  readonly staleForbidden: boolean;
  readonly immutable: boolean;
}

/** How a stored response may be used: as it is, while it is renewed in the background, or only after validation. */
export type Usability =
  | 'fresh'
  | 'stale-allowed'
  | 'stale-while-revalidate'
  | 'refused-by-request'
  | 'expired';

/** How a request may use a stored response now; `directives` are the request's own (RFC 9111 §4.2, §5.2.1). */
export function usability(
  stored: StoredFreshness,
  directives: CacheControl | undefined,
  now: number,
): Usability {
  const fresh = now < stored.freshUntil;
  if (directives === undefined) {
    if (fresh) return 'fresh';
    return now < stored.staleWhileRevalidateUntil ? 'stale-while-revalidate' : 'expired';
  }
  if (directives.noCache) return fresh ? 'refused-by-request' : 'expired';

  const ageLimitMs = secondsToMs(directives.maxAge);
  // The `max-age=0` of a reload does not revalidate what cannot change while it is fresh (RFC 8246 §2).
  const youngEnough = now - stored.bornAt < ageLimitMs || (stored.immutable && fresh);
  if (fresh) {
    const freshEnough = stored.freshUntil - now >= (directives.minFresh ?? 0) * 1000;
    return youngEnough && freshEnough ? 'fresh' : 'refused-by-request';
  }
  if (directives.maxStale !== undefined && !stored.staleForbidden) {
    const staleMs = directives.maxStale * 1000;
    const tooOld = now - stored.bornAt >= ageLimitMs + staleMs;
    if (now - stored.freshUntil <= staleMs && !tooOld && directives.minFresh === undefined)
      return 'stale-allowed';
  }
  // A request that names a maximum age or a minimum freshness wants a fresh response.
  const wantsFresh = directives.maxAge !== undefined || directives.minFresh !== undefined;
  return !wantsFresh && now < stored.staleWhileRevalidateUntil ? 'stale-while-revalidate' : 'expired';
}

function secondsToMs(seconds: number | undefined): number {
  return seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000;
}
