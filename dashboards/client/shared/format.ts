// 24-hour times and one look of numbers, whatever the browser's language: the page itself is in English.
const LOCALE = 'en-GB';
// No line break between a number and its unit.
const SPACE = '\u202f';

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
// British English has a small m for a million, which reads like milli.
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 4 });
const brief = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const short = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const precise = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 3 });
const tenth = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const money = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium' });
const minute = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'short' });
const day = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short' });
const utcDay = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** A count in full: `1,234,567`. */
export const formatCount = (value: number): string => whole.format(value);

/** A count with what is counted: `1 call`, `2 calls`. */
export const formatMany = (count: number, one: string, many = `${one}s`): string =>
  `${whole.format(count)} ${count === 1 ? one : many}`;

/** A count for narrow places: in full below a million. */
export const formatCompact = (value: number): string =>
  Math.abs(value) < 1_000_000 ? whole.format(value) : compact.format(value);

/** A count for very narrow places, with three digits from a hundred thousand on: `123K`. */
export const formatBrief = (value: number): string =>
  Math.abs(value) < 99_950 ? whole.format(value) : brief.format(value);

/** A share in per cent. Values close to 0 or 100 are not rounded to them. */
export function formatRatio(part: number, all: number): string {
  if (all === 0) return '–';
  const percent = (part / all) * 100;
  if (percent > 0 && percent < 0.1) return `<0.1${SPACE}%`;
  if (percent < 100 && percent > 99.9) return `>99.9${SPACE}%`;
  return `${tenth.format(percent)}${SPACE}%`;
}

/** A share from 0 to 1 in per cent with the digits of an objective: `99.95 %`. */
export const formatShare = (share: number): string => `${precise.format(share * 100)}${SPACE}%`;

/** A duration in a suitable unit: `4.2 ms`, `850 ms`, `1.25 s`, `3 min 20 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 9.95) return `${tenth.format(ms)}${SPACE}ms`;
  if (ms < 999.5) return `${whole.format(ms)}${SPACE}ms`;
  if (ms < 60_000) return `${short.format(ms / 1000)}${SPACE}s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours > 0) return minutes === 0 ? `${hours}${SPACE}h` : `${hours}${SPACE}h ${minutes}${SPACE}min`;
  return rest === 0 ? `${minutes}${SPACE}min` : `${minutes}${SPACE}min ${rest}${SPACE}s`;
}

/** A duration for narrow places, with one unit: `3.3 min`. */
export function formatBriefMs(ms: number | null): string {
  if (ms === null || ms < 59_950) return formatMs(ms);
  const [value, unit] = ms < 3_570_000 ? [ms / 60_000, 'min'] : [ms / 3_600_000, 'h'];
  return `${short.format(value)}${SPACE}${unit}`;
}

/** A sum of money, whose currency nobody has told: `1.25`. */
export const formatCost = (value: number): string =>
  value > 0 && value < 0.01 ? '<0.01' : money.format(value);

/** Bytes in steps of 1000: `12.3 kB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${short.format(bytes / 1000 ** step)}${SPACE}${units[step]}`;
}

/** Time of day: `14:03:59`. */
export const formatClock = (time: number): string => clock.format(time);

/** Time of day without seconds: `14:03`. */
export const formatMinute = (time: number): string => minute.format(time);

/** `4 Mar`, of the reader's day. */
export const formatDay = (time: number): string => day.format(time);

/** `4 Mar`, of the day in UTC. */
export const formatUtcDay = (time: number): string => utcDay.format(time);

/** The time in UTC, for a tooltip: `2025-03-04 14:03:59 UTC`. */
export const formatUtc = (time: number): string =>
  `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** The time of an event: without the day within the last twelve hours. */
export function formatWhen(time: number, now = Date.now()): string {
  const recent = Math.abs(now - time) < 12 * 3_600_000;
  return recent ? formatClock(time) : `${formatDay(time)} ${formatMinute(time)}`;
}
