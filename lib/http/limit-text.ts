import { parseHttpDate } from './date.js';

/** An item of a list, with its parameters. */
export interface Item {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const ITEM =
  /\s*("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.*-]+)((?:\s*;\s*[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[^"\\]|\\.)*"|[^;,"\s]*))?)*)\s*(?:,|$)/y;
const PARAMETER = /;\s*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^;,"\s]*))?/g;

/** A list of items with parameters (RFC 9651 §3.1), up to the first unreadable one. A bare number is the quota. */
export function items(text: string): Item[] {
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
export function readCount(text: string | undefined): number | undefined {
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

/** A number of calls that may have decimals, or parameters, as `598.0` and `76;w=21600`: the whole calls of it. */
export function readAmount(text: string | undefined): number | undefined {
  const whole = readCount(text);
  if (whole !== undefined || text === undefined) return whole;
  return readCount(/^\s*(\d{1,15})(?:\.\d{1,20})?\s*(?:;.*)?$/.exec(text)?.[1]);
}

const DURATION =
  /^\s*(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6}(?:\.\d{1,20})?)s)?(?:(\d{1,9}(?:\.\d{1,20})?)ms)?\s*$/;

/** Milliseconds of a duration as Go writes it: `6m0s`, `20ms`. */
function duration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  const [, d = 0, h = 0, m = 0, s = 0, ms = 0] = match;
  return (((Number(d) * 24 + Number(h)) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(ms);
}

const INSTANT = /^\s*\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})\s*$/i;

/** Epoch milliseconds of an instant of RFC 3339; Atlassian leaves its seconds out. */
function instant(text: string): number | undefined {
  if (!INSTANT.test(text)) return undefined;
  const ms = Date.parse(text.trim().toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds of a number of seconds, whole or not: a float is often sent with all of its 17 digits. */
export function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const whole = readCount(text);
  if (whole !== undefined) return whole * 1000;
  return /^\s*\d{1,15}\.\d{1,20}\s*$/.test(text) ? Number(`${text.trim()}e3`) : undefined;
}

/** From here on a number is an instant in epoch seconds: as a delta it would be 30 years. */
const FIRST_INSTANT_S = 1_000_000_000;
/** From here on it is in epoch milliseconds. */
const FIRST_INSTANT_MS = 100_000_000_000;
/** Both clocks are read in whole milliseconds, rounded down, so an instant may seem up to this much nearer. */
const CUT_OFF_MS = 2;
/** `Date` has whole seconds: clocks that differ by less than this may agree. */
const CLOCKS_AGREE_MS = 2000;

/** As {@link readWait}; APIs also tell their resets as a duration and as an instant of RFC 3339. */
export function readReset(
  text: string | undefined,
  date: string | undefined,
  now: number,
): number | undefined {
  if (text === undefined) return undefined;
  return readWait(text, date, now) ?? duration(text) ?? untilInstant(instant(text), date, now);
}

/**
 * Milliseconds until a time that is told as a delta, as an instant or as an HTTP date. Instants and dates are by the
 * clock of their sender, which the response's `Date` shows.
 * @param now epoch milliseconds
 */
export function readWait(
  text: string | undefined,
  date: string | undefined,
  now: number,
): number | undefined {
  if (text === undefined) return undefined;
  const numberMs = seconds(text);
  if (numberMs !== undefined && numberMs < FIRST_INSTANT_S * 1000) return numberMs;
  const instantMs = numberMs === undefined ? parseHttpDate(text.trim(), now) : instantOf(numberMs);
  return untilInstant(instantMs, date, now);
}

/** The instant is by the sender's clock, whose time is in the response's `Date`. */
function untilInstant(
  instantMs: number | undefined,
  date: string | undefined,
  now: number,
): number | undefined {
  if (instantMs === undefined) return undefined;
  const sent = date === undefined ? undefined : parseHttpDate(date, now);
  const senderNow = sent === undefined || Math.abs(sent - now) < CLOCKS_AGREE_MS ? now : sent;
  return Math.max(0, instantMs - senderNow + CUT_OFF_MS);
}

/** The number was read as seconds, but may be in milliseconds. */
const instantOf = (ms: number) => (ms < FIRST_INSTANT_MS * 1000 ? ms : ms / 1000);
