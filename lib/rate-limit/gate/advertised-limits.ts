import { parseHttpDate } from '../../http/date.js';

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
 * ones (of both drafts), and `X-RateLimit-*` with an instant or a delta. Unreadable values count as missing. Returns
 * `undefined` if the response says nothing.
 * @param rawHeaders flat: name, value, name, value
 * @param now epoch milliseconds
 */
export function readLimits(
  status: number,
  rawHeaders: readonly string[],
  now: number,
): AdvertisedLimits | undefined {
  const headers = collect(rawHeaders);
  if (!headers) return status === 429 ? TOO_MANY : undefined;
  const retryMs =
    status === 429 || status === 503 ? readWait(headers.retryAfter, headers.date, now) : undefined;
  const limited = status === 429;
  const refused = limited || retryMs !== undefined;
  const window = fromStructured(headers) ?? fromThree(headers, now);
  if (!refused && window.remaining === undefined && window.limit === undefined) return undefined;
  const { remaining, limit, windowMs } = window;
  return {
    limited,
    refused,
    waitMs: refused ? longest(retryMs, window) : window.waitMs,
    remaining,
    limit,
    windowMs,
  };
}

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
 * `Retry-After` is meant for this call and comes first. If the same response advertises a window that is used up and
 * lasts longer, that counts; a window with calls left belongs to another limit.
 */
function longest(
  retryMs: number | undefined,
  { remaining = 0, waitMs }: AdvertisedWindow,
): number | undefined {
  if (retryMs === undefined) return remaining === 0 ? waitMs : undefined;
  return remaining === 0 && waitMs !== undefined && waitMs > retryMs ? waitMs : retryMs;
}

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

function fromThree(headers: Headers, now: number): AdvertisedWindow {
  const limits = headers.limit ?? headers.xLimit;
  // In one draft the same header held the policy: `100, 100;w=60`.
  const list = limits !== undefined && /[,;]/.test(limits);
  const policy = headers.policy ?? (list ? limits.slice(limits.indexOf(',') + 1) : undefined);
  const [first] = policy === undefined ? [] : items(policy);
  return {
    waitMs: readWait(headers.reset ?? headers.xReset, headers.date, now),
    remaining: readCount(headers.remaining ?? headers.xRemaining),
    limit: readCount(list ? limits.split(/[,;]/, 1)[0] : limits),
    windowMs: seconds(first?.parameters.get('w')),
  };
}

/** The tightest policy: the one with the fewest calls left; among equals, the one that resets last. */
function fromStructured({ structured, policy = '' }: Headers): AdvertisedWindow | undefined {
  if (structured === undefined) return undefined;
  const policies = items(policy);
  const dictionary = readDictionary(structured);
  if (dictionary) return { ...dictionary, windowMs: seconds(policies[0]?.parameters.get('w')) };
  let tightest: { name: string; remaining: number; waitMs: number | undefined } | undefined;
  for (const { name, parameters } of items(structured)) {
    const remaining = readCount(parameters.get('r'));
    if (remaining === undefined) continue;
    const waitMs = seconds(parameters.get('t'));
    const tighter =
      tightest === undefined ||
      remaining < tightest.remaining ||
      (remaining === tightest.remaining && (waitMs ?? 0) > (tightest.waitMs ?? 0));
    if (tighter) tightest = { name, remaining, waitMs };
  }
  if (!tightest) return undefined;
  const { name, remaining, waitMs } = tightest;
  const its = policies.find((candidate) => candidate.name === name) ?? policies[0];
  return {
    waitMs,
    remaining,
    limit: readCount(its?.parameters.get('q')),
    windowMs: seconds(its?.parameters.get('w')),
  };
}

/** `limit=100, remaining=50, reset=5`, as the seventh draft had it. */
function readDictionary(text: string) {
  const member = (name: string) => new RegExp(`(?:^|[,\\s])${name}=(\\d{1,15})(?:$|[,;\\s])`).exec(text)?.[1];
  const remaining = readCount(member('remaining'));
  if (remaining === undefined) return undefined;
  return { remaining, limit: readCount(member('limit')), waitMs: seconds(member('reset')) };
}

interface Item {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const ITEM =
  /\s*("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.*-]+)((?:\s*;\s*[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[^"\\]|\\.)*"|[^;,"\s]*))?)*)\s*(?:,|$)/y;
const PARAMETER = /;\s*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^;,"\s]*))?/g;

/** A list of items with parameters (RFC 9651 §3.1), up to the first unreadable one. A bare number is the quota. */
function items(text: string): Item[] {
  const found: Item[] = [];
  ITEM.lastIndex = 0;
  for (let match = ITEM.exec(text); match; match = ITEM.exec(text)) {
    const [whole, name = '', rest = ''] = match;
    if (whole === '') break;
    const parameters = new Map<string, string>();
    for (const [, key = '', value = ''] of rest.matchAll(PARAMETER)) parameters.set(key, value);
    if (/^\d+$/.test(name)) parameters.set('q', name);
    found.push({ name, parameters });
    if (ITEM.lastIndex >= text.length) break;
  }
  return found;
}

/** Longer numbers are not exact as a double, and no API allows that many calls. */
const MAX_DIGITS = 15;

/** Reads digits only. Runs for every response that advertises a limit: a loop costs a third of a regular expression. */
function readCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const digits = text.trim();
  if (digits.length === 0 || digits.length > MAX_DIGITS) return undefined;
  let count = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    count = count * 10 + digit;
  }
  return count;
}

function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const whole = readCount(text);
  if (whole !== undefined) return whole * 1000;
  return /^\s*\d{1,15}\.\d{1,9}\s*$/.test(text) ? Number(text) * 1000 : undefined;
}

/** From here on a number is an instant in epoch seconds: as a delta it would be 30 years. */
const FIRST_INSTANT_S = 1_000_000_000;
/** From here on it is in epoch milliseconds. */
const FIRST_INSTANT_MS = 100_000_000_000;
/** Both clocks are read in whole milliseconds, rounded down, so an instant may seem up to this much nearer. */
const CUT_OFF_MS = 2;
/** `Date` has whole seconds: clocks that differ by less than this may agree. */
const CLOCKS_AGREE_MS = 2000;

function readWait(text: string | undefined, date: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const numberMs = seconds(text);
  if (numberMs !== undefined && numberMs < FIRST_INSTANT_S * 1000) return numberMs;
  const instantMs = numberMs === undefined ? parseHttpDate(text.trim(), now) : instantOf(numberMs);
  if (instantMs === undefined) return undefined;
  // The instant is by the sender's clock, whose time is in the response's `Date`.
  const sent = date === undefined ? undefined : parseHttpDate(date, now);
  const senderNow = sent === undefined || Math.abs(sent - now) < CLOCKS_AGREE_MS ? now : sent;
  return Math.max(0, instantMs - senderNow + CUT_OFF_MS);
}

/** The number was read as seconds, but may be in milliseconds. */
const instantOf = (ms: number) => (ms < FIRST_INSTANT_MS * 1000 ? ms : ms / 1000);
