import { readAmount, readCount, readReset } from './limit-text.js';
import type { AdvertisedWindow } from './limit-windows.js';

/** Headers in which an API tells of its limit, as its owner has mapped them. */
export interface OwnLimitHeaders {
  readonly remaining: string;
  readonly limit?: string | undefined;
  readonly reset?: string | undefined;
  readonly resetUnit?: 's' | 'ms' | undefined;
}

/** Reads the limit of a response; `undefined` if it tells of none. */
export type ReadOwnLimit = (rawHeaders: readonly string[], now: number) => AdvertisedWindow | undefined;

/** From here on a number of milliseconds is an instant: as a delta it would be three years. */
const FIRST_INSTANT_MS = 100_000_000_000;

/** A reader of such headers. */
export function ownLimitReader({ remaining, limit, reset, resetUnit }: OwnLimitHeaders): ReadOwnLimit {
  const wanted = { remaining, limit, reset, date: 'date' };
  const names = new Map(Object.entries(wanted).map(([what, name]) => [name?.toLowerCase() ?? '', what]));

  return function readOwnLimit(rawHeaders, now) {
    const found = new Map<string, string>();
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const what = names.get(rawHeaders[i]?.toLowerCase() ?? '');
      if (what !== undefined && !found.has(what)) found.set(what, rawHeaders[i + 1] ?? '');
    }
    const left = readAmount(found.get('remaining'));
    if (left === undefined) return undefined;
    const text = found.get('reset');
    const ms = resetUnit === 'ms' ? readCount(text) : undefined;
    const isDelta = ms !== undefined && ms < FIRST_INSTANT_MS;
    return {
      name: '',
      waitMs: isDelta ? ms : readReset(text, found.get('date'), now),
      remaining: left,
      limit: readAmount(found.get('limit')),
      windowMs: undefined,
    };
  };
}
