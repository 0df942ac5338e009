import type { ResponseHead } from '../core/attempt.js';
import { type Item, items, readCount, readWait, seconds } from './limit-text.js';

/** What a response says about its sender's rate limit. */
export interface AdvertisedLimits {
  /** A 429: the call was one too many. */
  readonly limited: boolean;
  /** A 429, or a 503 with `Retry-After`: no calls are wanted for `waitMs`. */
  readonly refused: boolean;
  /** Time until the window ends, or until calls are wanted again. */
  readonly waitMs: number | undefined;
  /** Calls left in this window. */
  readonly remaining: number | undefined;
  /** Calls in a window. */
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
}

type Slot =
  | 'retryAfter'
  | 'date'
  | 'structured'
  | 'policy'
  | 'limit'
  | 'remaining'
  | 'reset'
  | 'xLimit'
  | 'xRemaining'
  | 'xReset';
type Headers = { [slot in Slot]?: string };

const SLOTS: ReadonlyMap<string, Slot> = new Map<string, Slot>([
  ['retry-after', 'retryAfter'],
  ['date', 'date'],
  ['ratelimit', 'structured'],
  ['ratelimit-policy', 'policy'],
  ['ratelimit-limit', 'limit'],
  ['ratelimit-remaining', 'remaining'],
  ['ratelimit-reset', 'reset'],
  ['x-ratelimit-limit', 'xLimit'],
  ['x-ratelimit-remaining', 'xRemaining'],
  ['x-ratelimit-reset', 'xReset'],
  ['x-rate-limit-limit', 'xLimit'],
  ['x-rate-limit-remaining', 'xRemaining'],
  ['x-rate-limit-reset', 'xReset'],
]);

/** Names of the headers that advertise a limit. */
export const LIMIT_HEADERS: readonly string[] = [...SLOTS.keys()].filter((name) => name.includes('limit'));

/**
 * Reads `Retry-After` and the rate limit headers in the forms that are in use: three headers with seconds, structured
 * ones (of both drafts), and `X-RateLimit-*` with an instant or a delta. Of several policies the tightest counts: the one
 * with the fewest calls left. Times are relative to the response's own `Date`. Unreadable values count as missing.
 * Returns `undefined` if the response says nothing.
 * @param rawHeaders flat: name, value, name, value
 * @param now epoch milliseconds
 */
export function readLimits(
  status: number,
  rawHeaders: readonly string[],
  now: number,
): AdvertisedLimits | undefined {
  const headers = collect(rawHeaders);
  const limited = status === 429;
  if (!headers) return limited ? TOO_MANY : undefined;
  const retryMs = limited || status === 503 ? readWait(headers.retryAfter, headers.date, now) : undefined;
  const refused = limited || retryMs !== undefined;
  const windows = windowsOf(headers, now);
  const { remaining, limit, windowMs, waitMs } = tightest(windows);
  if (!refused && remaining === undefined && limit === undefined) return undefined;
  return {
    limited,
    refused,
    waitMs: refused ? longest(retryMs, windows) : waitMs,
    remaining,
    limit,
    windowMs,
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
  const retryMs = readWait(headers.retryAfter, headers.date, now);
  return status === 429 || status === 503 ? longest(retryMs, windowsOf(headers, now)) : retryMs;
}

/** One policy of a sender, as far as it is known. */
interface AdvertisedWindow {
  readonly waitMs: number | undefined;
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
}

const TOO_MANY: AdvertisedLimits = Object.freeze({
  limited: true,
  refused: true,
  waitMs: undefined,
  remaining: undefined,
  limit: undefined,
  windowMs: undefined,
});

/**
 * `Retry-After` is meant for this call. If the same response advertises policies that are used up and last longer, the
 * longest of them counts; one with calls left belongs to something else.
 */
function longest(retryMs: number | undefined, windows: readonly AdvertisedWindow[]): number | undefined {
  let waitMs = retryMs;
  for (const window of windows) {
    if ((window.remaining ?? 0) > 0 || window.waitMs === undefined) continue;
    waitMs = Math.max(waitMs ?? 0, window.waitMs);
  }
  return waitMs;
}

const UNKNOWN: AdvertisedWindow = Object.freeze({
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

/** Runs for every response, so it only looks at names that begin with R, X or D. */
function collect(rawHeaders: readonly string[]): Headers | undefined {
  let headers: Headers | undefined;
  let date: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const first = name.charCodeAt(0) | 0x20;
    if (first !== 0x72 && first !== 0x78 && first !== 0x64) continue;
    const slot = SLOTS.get(name.toLowerCase());
    if (slot === undefined) continue;
    if (slot === 'date') {
      date ??= rawHeaders[i + 1];
      continue;
    }
    headers ??= {};
    // Several lines of a list header are one list (RFC 9110 §5.3); of other headers the first line counts.
    if (headers[slot] === undefined) headers[slot] = rawHeaders[i + 1]?.slice(0, MAX_LENGTH);
    else if (slot === 'structured' || slot === 'policy')
      headers[slot] = `${headers[slot]}, ${rawHeaders[i + 1]}`.slice(0, MAX_LENGTH);
  }
  if (headers) headers.date = date;
  return headers;
}

const MAX_LENGTH = 2000;

/** Every policy that the headers tell of. */
function windowsOf(headers: Headers, now: number): readonly AdvertisedWindow[] {
  const structured = fromStructured(headers);
  const { limit, remaining, reset, xLimit, xRemaining, xReset, policy, date } = headers;
  // Each family by itself where each says what is left; else one makes up for what the other lacks.
  if (remaining === undefined || xRemaining === undefined) {
    const one = {
      limit: limit ?? xLimit,
      remaining: remaining ?? xRemaining,
      reset: reset ?? xReset,
      policy,
      date,
    };
    return [...structured, ...fromThree(one, now)];
  }
  const x = { limit: xLimit, remaining: xRemaining, reset: xReset, date };
  return [...structured, ...fromThree({ limit, remaining, reset, policy, date }, now), ...fromThree(x, now)];
}

type Three = { readonly [slot in 'limit' | 'remaining' | 'reset' | 'policy' | 'date']?: string | undefined };

function fromThree({ limit, remaining, reset, policy, date }: Three, now: number): AdvertisedWindow[] {
  if (limit === undefined && remaining === undefined && reset === undefined) return [];
  // In one draft the same header held the policies: `100, 100;w=60`.
  const list = limit !== undefined && /[,;]/.test(limit);
  const policies = policy ?? (list ? limit.slice(limit.indexOf(',') + 1) : undefined);
  const quota = readCount(list ? limit.split(/[,;]/, 1)[0] : limit);
  return [
    {
      waitMs: readWait(reset, date, now),
      remaining: readCount(remaining),
      limit: quota,
      windowMs: seconds(policyOf(policies, quota)?.parameters.get('w')),
    },
  ];
}

/** The policy with this quota, or the first: headers without names tell of the one that is nearest to its end. */
function policyOf(policies: string | undefined, quota: number | undefined): Item | undefined {
  if (policies === undefined) return undefined;
  const all = items(policies);
  return all.find(({ parameters }) => readCount(parameters.get('q')) === quota) ?? all[0];
}

function fromStructured({ structured, policy = '' }: Headers): AdvertisedWindow[] {
  if (structured === undefined) return [];
  const dictionary = readDictionary(structured);
  if (dictionary) {
    const its = policyOf(policy, dictionary.limit);
    return [{ ...dictionary, windowMs: seconds(its?.parameters.get('w')) }];
  }
  const policies = items(policy);
  return items(structured).flatMap(({ name, parameters }) => {
    const remaining = readCount(parameters.get('r'));
    if (remaining === undefined) return [];
    const its = policies.find((candidate) => candidate.name === name) ?? policies[0];
    return [
      {
        waitMs: seconds(parameters.get('t')),
        remaining,
        limit: readCount(its?.parameters.get('q')),
        windowMs: seconds(its?.parameters.get('w')),
      },
    ];
  });
}

/** `limit=100, remaining=50, reset=5`, as the seventh draft had it. */
function readDictionary(text: string) {
  const member = (name: string) => new RegExp(`(?:^|[,\\s])${name}=(\\d{1,15})(?:$|[,;\\s])`).exec(text)?.[1];
  const remaining = readCount(member('remaining'));
  if (remaining === undefined) return undefined;
  return { remaining, limit: readCount(member('limit')), waitMs: seconds(member('reset')) };
}
