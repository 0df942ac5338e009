import { parseHttpDate } from '../../http/date.js';
import { type CacheControl, parseDeltaSeconds } from './cache-control.js';
import { firstValue, type RawHeaders } from './headers.js';
import type { ResponseDirectives } from './targeted-cache-control.js';

/** Share of the time since the last change for which an answer without explicit freshness is fresh. */
export const HEURISTIC_RATIO = 0.1;

/** Bound on heuristic freshness, in milliseconds: a file untouched for ten years may change tomorrow. */
export const MAX_HEURISTIC_MS = 24 * 60 * 60 * 1000;

/** Codes that are fresh without saying so (RFC 9110 §15.1), but for 206, which is never kept. */
const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** Head of an answer with the times of its call, in epoch milliseconds. */
export interface TimedResponse {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** When the request was sent. */
  readonly requestTime: number;
  /** When the head arrived. */
  readonly responseTime: number;
}

/** Default windows where an answer names none. */
export interface StaleDefaults {
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** The whole freshness of an answer as points in time, in epoch milliseconds. */
export interface Freshness {
  /** When its age was 0, on our clock. */
  readonly bornAt: number;
  /** Its `Date`; the time it arrived where that is missing or wrong. */
  readonly dateMs: number;
  readonly freshUntil: number;
  readonly staleWhileRevalidateUntil: number;
  readonly staleIfErrorUntil: number;
  /** It must not be used stale, whatever a client or an operator would accept. */
  readonly staleForbidden: boolean;
}

/** Freshness of an answer in a shared cache (RFC 9111 §4.2, RFC 5861). */
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
  // `no-cache` is an answer that is never fresh and never usable without asking (RFC 9111 §5.2.2.4).
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

/** Whether an answer says how long it is fresh, though perhaps 0 or in a way that cannot be read. */
export function hasExplicitFreshness(
  rawHeaders: RawHeaders,
  { directives, targeted }: ResponseDirectives,
): boolean {
  if (directives.maxAge !== undefined || directives.sMaxage !== undefined) return true;
  return !targeted && firstValue(rawHeaders, 'expires') !== undefined;
}

/** Whether an answer may be heuristically fresh: by its code, or because it is `public` (RFC 9111 §4.2.2). */
export function isHeuristicallyCacheable(status: number, directives: CacheControl): boolean {
  return directives.public || HEURISTIC_STATUSES.has(status);
}

/** Directives after which a shared cache sends nothing stale (RFC 9111 §4.2.4, §5.2.2.10). */
function forbidsStale(directives: CacheControl): boolean {
  return (
    directives.mustRevalidate ||
    directives.proxyRevalidate ||
    directives.noCache ||
    directives.sMaxage !== undefined
  );
}

/** A `Date` that is missing or wrong is the time of arrival (RFC 9110 §6.6.1). */
export function responseDate(response: TimedResponse): number {
  const date = firstValue(response.rawHeaders, 'date');
  const parsed = date === undefined ? undefined : parseHttpDate(date, response.responseTime);
  return parsed ?? response.responseTime;
}

/** Age of an answer when its head arrived, in milliseconds (RFC 9111 §4.2.3). */
export function initialAgeMs(response: TimedResponse, dateMs: number): number {
  // `Date` has whole seconds: the part of a second that it cut off is not age.
  const apparentMs = Math.max(0, Math.floor((response.responseTime - dateMs) / 1000) * 1000);
  const delayMs = Math.max(0, response.responseTime - response.requestTime);
  return Math.max(apparentMs, receivedAgeMs(response.rawHeaders) + delayMs);
}

/** The first member of the first `Age` line; what is not all digits is as if it were not there (RFC 9111 §5.1). */
function receivedAgeMs(rawHeaders: RawHeaders): number {
  const first = firstValue(rawHeaders, 'age')?.split(',', 1)[0]?.trim();
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
  const expires = firstValue(response.rawHeaders, 'expires');
  if (expires === undefined) return undefined;
  const expiresMs = parseHttpDate(expires, response.responseTime);
  // A date that cannot be read, `0` above all, means already expired (RFC 9111 §5.3).
  return expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs);
}

function heuristicLifetimeMs(response: TimedResponse, directives: CacheControl, dateMs: number): number {
  if (!isHeuristicallyCacheable(response.status, directives)) return 0;
  const text = firstValue(response.rawHeaders, 'last-modified');
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

/** How a stored answer may be used: as it is, with a call in the background, or not without asking first. */
export type Usability =
  | 'fresh'
  | 'stale-allowed'
  | 'stale-while-revalidate'
  | 'refused-by-request'
  | 'expired';

/** How a request may use a stored answer now; `directives` are the request's own (RFC 9111 §4.2, §5.2.1). */
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
  // A reload's `max-age=0` does not ask again for what cannot change while it is fresh (RFC 8246 §2).
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
  // Naming an age or a rest of freshness asks for a fresh answer.
  const wantsFresh = directives.maxAge !== undefined || directives.minFresh !== undefined;
  return !wantsFresh && now < stored.staleWhileRevalidateUntil ? 'stale-while-revalidate' : 'expired';
}

function secondsToMs(seconds: number | undefined): number {
  return seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000;
}
