import type { Period } from '../shared/contract.js';
import { formatDay, formatMinute, formatUtc, formatUtcDay } from '../shared/format.js';

/** Names of the buckets of each period. */
export const BUCKET_NAMES: Readonly<Record<Period, { readonly unit: string; readonly span: string }>> = {
  all: { unit: 'minute', span: 'the last hour' },
  hourly: { unit: 'hour', span: 'the last 7 days' },
  daily: { unit: 'day', span: 'the last 30 days' },
};

/** The start of a bucket, in the reader's time zone; days are in UTC. */
export function bucketLabel(start: number, period: Period): string {
  if (period === 'daily') return `${formatUtcDay(start)} UTC`;
  return period === 'hourly' ? `${formatDay(start)} ${formatMinute(start)}` : formatMinute(start);
}

/** What the times of an axis are, with their time zone. */
export function axisName(period: Period): string {
  if (period === 'daily') return 'Day, UTC';
  return `Time, ${timeZone()}`;
}

/** The reader's time zone, as `GMT+2` or `UTC`. */
function timeZone(): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' }).formatToParts();
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'local';
  return name === 'GMT+0' || name === 'GMT' ? 'UTC' : name;
}

/** The start of a bucket for a tooltip. */
export const bucketTitle = formatUtc;

/** Labels of an axis' ticks, given in seconds since the epoch: the day at its start, otherwise the time. */
export function tickLabels(ticks: readonly number[], stepSeconds: number, period: Period): string[] {
  return ticks.map((tick) => {
    const time = tick * 1000;
    if (period === 'daily') return formatUtcDay(time);
    const clock = formatMinute(time);
    return stepSeconds >= 86_400 || clock === '00:00' ? formatDay(time) : clock;
  });
}
