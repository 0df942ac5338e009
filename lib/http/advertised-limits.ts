import type { ResponseHead } from '../core/attempt.js';
import { rememberedByName } from '../core/remembered.js';
import { readCount, readWait } from './limit-text.js';
import { FOR_ALL_CALLS, MS_WAITS, SHOULD_RETRY } from './limit-vendors.js';
import { type AdvertisedWindow, type LimitHeaders, windowHeaders, windowsOf } from './limit-windows.js';
import type { ReadOwnLimit } from './own-limit.js';

export { type AdvertisedWindow, LIMIT_HEADERS } from './limit-windows.js';

/** What is told of one limit. */
export interface LimitNews {
  /** A 429: the call was one too many. */
  readonly limited: boolean;
  /** A 429, or a 403, 503 or 529 with `Retry-After`: no calls are wanted for `waitMs`. */
  readonly refused: boolean;
  /** Time until the window ends, or until calls are wanted again. */
  readonly waitMs: number | undefined;
  /** Calls left in this window. */
  readonly remaining: number | undefined;
  /** Calls in a window. */
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
  /** It fills up all the time, and `waitMs` is when it will be full. */
  readonly refills?: boolean;
  /** What is counted, if not calls. */
  readonly unit?: 'tokens' | undefined;
}

/** What a response says about its sender's rate limits; on its own level, of the one that is nearest to its end. */
export interface AdvertisedLimits extends LimitNews {
  /** What the response says of each limit. */
  readonly windows: readonly AdvertisedWindow[];
  /** Whatever limit there is, the refusal is for all calls, not for those of this path. */
  readonly everywhere: boolean;
}

/** Refuse calls only together with a `Retry-After`: no access, no service, overload. */
const REFUSES_WITH_WAIT: ReadonlySet<number> = new Set([403, 503, 529]);

const WANTED: ReadonlySet<string> = new Set([
  ...['retry-after', 'date'],
  ...FOR_ALL_CALLS.map(([name]) => name),
  ...MS_WAITS,
  ...windowHeaders(),
]);
/** A received name in lower case if it is wanted, else an empty one. */
const wantedName = rememberedByName((name) => {
  const lower = name.toLowerCase();
  return WANTED.has(lower) ? lower : '';
});
/** Several lines of a list header are one list (RFC 9110 §5.3); of other headers the first line counts. */
const LISTS: ReadonlySet<string> = new Set([
  'ratelimit',
  'ratelimit-policy',
  'beta-ratelimit',
  'beta-ratelimit-policy',
]);

/**
 * Reads `Retry-After` and the rate limit headers in the forms that are in use: three headers with seconds, structured
 * ones (of both drafts), `X-RateLimit-*` with an instant or a delta, and those of the table of vendors. Times are
 * relative to the response's own `Date`. Unreadable values count as missing. Returns `undefined` if the response says
 * nothing.
 * @param rawHeaders flat: name, value, name, value
 * @param clock epoch milliseconds; not looked at where nothing is said
 * @param readOwn reads the headers that an owner has mapped
 */
export function readLimits(
  status: number,
  rawHeaders: readonly string[],
  clock: () => number,
  readOwn?: ReadOwnLimit,
): AdvertisedLimits | undefined {
  const told = collect(rawHeaders);
  const limited = status === 429;
  if (!told && !readOwn) return limited ? TOO_MANY : undefined;
  const now = clock();
  const own = readOwn?.(rawHeaders, now);
  const headers = told ?? (own && NO_HEADERS);
  if (!headers) return limited ? TOO_MANY : undefined;
  const retryMs = limited || REFUSES_WITH_WAIT.has(status) ? retryAfter(headers, now) : undefined;
  const refused = limited || retryMs !== undefined;
  const windows = own ? [own, ...windowsOf(headers, now)] : windowsOf(headers, now);
  const { remaining, limit, windowMs, waitMs } = tightest(windows);
  if (!refused && windows.every((window) => window.remaining === undefined && window.limit === undefined))
    return undefined;
  return {
    limited,
    refused,
    waitMs: refused ? longest(retryMs, windows) : waitMs,
    remaining,
    limit,
    windowMs,
    windows,
    everywhere: !limited || FOR_ALL_CALLS.some(([name, value]) => value.test(headers.get(name) ?? '')),
  };
}

/**
 * How long the upstream wants no more requests like this one: `Retry-After` (RFC 9110 §10.2.3) of any response, and of a
 * refusal the resets of all limits that are used up, the longest of them. `undefined` where it does not say.
 * @param now epoch milliseconds
 */
export function requestedDelayMs(
  { status, rawHeaders }: Pick<ResponseHead, 'status' | 'rawHeaders'>,
  now: number,
): number | undefined {
  const headers = collect(rawHeaders);
  if (!headers) return undefined;
  const retryMs = retryAfter(headers, now);
  return status === 429 || status === 503 || status === 529
    ? longest(retryMs, windowsOf(headers, now))
    : retryMs;
}

/** Whether the upstream says that another attempt cannot help. */
export function forbidsRetry(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i + 1] !== 'false') continue;
    if (SHOULD_RETRY.includes(rawHeaders[i]?.toLowerCase() ?? '')) return true;
  }
  return false;
}

const NO_HEADERS: LimitHeaders = new Map();

const TOO_MANY: AdvertisedLimits = Object.freeze({
  limited: true,
  refused: true,
  waitMs: undefined,
  remaining: undefined,
  limit: undefined,
  windowMs: undefined,
  windows: [],
  everywhere: false,
});

function retryAfter(headers: LimitHeaders, now: number): number | undefined {
  for (const name of MS_WAITS) {
    const ms = readCount(headers.get(name));
    if (ms !== undefined) return ms;
  }
  return readWait(headers.get('retry-after'), headers.get('date'), now);
}

/**
 * `Retry-After` is meant for this call. If the same response advertises policies that are used up and last longer, the
 * longest of them counts; one with calls left belongs to something else, and one that refills has room before it is full.
 */
function longest(retryMs: number | undefined, windows: readonly AdvertisedWindow[]): number | undefined {
  let waitMs = retryMs;
  for (const window of windows) {
    if ((window.remaining ?? 0) > 0 || window.waitMs === undefined) continue;
    if (window.refills && retryMs !== undefined) continue;
    waitMs = Math.max(waitMs ?? 0, window.waitMs);
  }
  return waitMs;
}

const UNKNOWN: AdvertisedWindow = Object.freeze({
  name: '',
  waitMs: undefined,
  remaining: undefined,
  limit: undefined,
  windowMs: undefined,
});

/** The policy with the fewest calls left; among equals, the one that resets last. */
function tightest(windows: readonly AdvertisedWindow[]): AdvertisedWindow {
  let found = windows[0] ?? UNKNOWN;
  for (const window of windows) {
    const [left, least] = [leftOf(window), leftOf(found)];
    if (left < least || (left === least && (window.waitMs ?? 0) > (found.waitMs ?? 0))) found = window;
  }
  return found;
}

const leftOf = ({ remaining = Number.POSITIVE_INFINITY }: AdvertisedWindow): number => remaining;

const MAX_LENGTH = 2000;

/** Runs for every response, so it only looks at names that begin as one of those that are wanted. */
function collect(rawHeaders: readonly string[]): LimitHeaders | undefined {
  let headers: Map<string, string> | undefined;
  let date: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const first = name.charCodeAt(0) | 0x20;
    // R, X, D, Z, B and F, for Anthropic An, and for Stripe the fifth letter of its name.
    if (
      first !== 0x72 &&
      first !== 0x78 &&
      first !== 0x64 &&
      first !== 0x7a &&
      first !== 0x62 &&
      first !== 0x66
    ) {
      const isAn = first === 0x61 && (name.charCodeAt(1) | 0x20) === 0x6e;
      if (!isAn && (first !== 0x73 || (name.charCodeAt(4) | 0x20) !== 0x70)) continue;
    }
    const lower = wantedName(name);
    if (lower === '') continue;
    const value = rawHeaders[i + 1] ?? '';
    if (lower === 'date') {
      date ??= value;
      continue;
    }
    headers ??= new Map();
    const known = headers.get(lower);
    if (known === undefined) headers.set(lower, value.slice(0, MAX_LENGTH));
    else if (LISTS.has(lower)) headers.set(lower, `${known}, ${value}`.slice(0, MAX_LENGTH));
  }
  if (headers && date !== undefined) headers.set('date', date);
  return headers;
}
