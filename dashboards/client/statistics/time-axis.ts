import type { Period } from '../shared/contract.js';
import { formatDay, formatMinute, formatUtc, formatUtcDay } from '../shared/format.js';

/** What each bucket of a period is. */
export const BUCKET_NAMES: Readonly<Record<Period, { readonly unit: string; readonly span: string }>> = {
  all: { unit: 'minute', span: 'the last hour' },
  hourly: { unit: 'hour', span: 'the last 7 days' },
  daily: { unit: 'day', span: 'the last 30 days' },
};

/** The begin of a bucket in words, in the reader's time; days are those of UTC. */
export function bucketLabel(start: number, period: Period): string {
  if (period === 'daily') return `${formatUtcDay(start)} UTC`;
  return period === 'hourly' ? `${formatDay(start)} ${formatMinute(start)}` : formatMinute(start);
}

/** The begin of a bucket for a title. */
export const bucketTitle = formatUtc;

/** Texts of an axis' ticks, in seconds since the epoch: the day where it begins, the time elsewhere. */
export function tickLabels(ticks: readonly number[], stepSeconds: number, period: Period): string[] {
  return ticks.map((tick) => {
    const time = tick * 1000;
    if (period === 'daily') return formatUtcDay(time);
    const clock = formatMinute(time);
    return stepSeconds >= 86_400 || clock === '00:00' ? formatDay(time) : clock;
  });
}
