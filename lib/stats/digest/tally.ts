import type { Blame } from '../../core/errors.js';
import type { CacheVerdict } from '../../core/exchange.js';
import type { Figures } from '../stats-source.js';
import { type Centroids, latencyOf, mergeCentroids } from './centroids.js';

/** Every cache verdict, in the order in which they are packed. */
export const CACHE_VERDICTS = [
  'hit',
  'miss',
  'stale',
  'revalidated',
  'bypass',
  'coalesced',
] as const satisfies readonly CacheVerdict[];

/** Names that one list of a tally may hold; further ones are counted under {@link OTHERS}. */
export const MAX_NAMES = 64;

/** The name under which everything beyond a limit is counted. */
export const OTHERS = '(other)';

/** The plain counters of a {@link Tally}, in the order in which they are packed. */
export const COUNTERS = [
  'total',
  'success',
  'failure',
  'aborted',
  'bytesIn',
  'bytesOut',
  'attempts',
  'retried',
] as const;

/** Counters of some requests: those of an API or a path over some time. Adding up is exact. */
export class Tally {
  total = 0;
  success = 0;
  failure = 0;
  aborted = 0;
  bytesIn = 0;
  bytesOut = 0;
  attempts = 0;
  retried = 0;
  readonly statusCodes = new Map<number, number>();
  readonly cache = new Map<CacheVerdict, number>();
  readonly failedBy = new Map<Blame, number>();
  readonly proxies = new Map<string, number>();
  readonly errors = new Map<string, number>();
  responseTime: Centroids | undefined = undefined;
  timeToFirstByte: Centroids | undefined = undefined;

  add(other: Tally): void {
    for (const counter of COUNTERS) this[counter] += other[counter];
    for (const [status, times] of other.statusCodes) bump(this.statusCodes, status, times);
    for (const [verdict, times] of other.cache) bump(this.cache, verdict, times);
    for (const [by, times] of other.failedBy) bump(this.failedBy, by, times);
    for (const [proxy, times] of other.proxies) bumpName(this.proxies, proxy, times);
    for (const [code, times] of other.errors) bumpName(this.errors, code, times);
    this.responseTime = mergeCentroids(this.responseTime, other.responseTime);
    this.timeToFirstByte = mergeCentroids(this.timeToFirstByte, other.timeToFirstByte);
  }
}

/** Counts under a key from a limited set. */
export function bump<K>(map: Map<K, number>, key: K, times = 1): void {
  map.set(key, (map.get(key) ?? 0) + times);
}

/** Counts under a name from an unlimited set. */
export function bumpName(map: Map<string, number>, name: string, times = 1): void {
  const known = map.get(name);
  if (known !== undefined) map.set(name, known + times);
  else bump(map, map.size < MAX_NAMES - 1 ? name : OTHERS, times);
}

/** The sum of all of them. */
export function sumOf(tallies: Iterable<Tally | undefined>): Tally {
  const sum = new Tally();
  for (const tally of tallies) if (tally) sum.add(tally);
  return sum;
}

const NOTHING = new Tally();

/** The figures of a tally; zeros where there is none. */
export function figuresOf(tally: Tally = NOTHING): Figures {
  const { total, success, failure, aborted, bytesIn, bytesOut, attempts, retried } = tally;
  return {
    total,
    success,
    failure,
    failedBy: record(tally.failedBy),
    aborted,
    statusCodes: record(tally.statusCodes),
    responseTime: latencyOf(tally.responseTime),
    timeToFirstByte: latencyOf(tally.timeToFirstByte),
    bytesIn,
    bytesOut,
    cache: record(tally.cache),
    attempts,
    retried,
    proxies: record(tally.proxies),
    errors: record(tally.errors),
  };
}

// A record made from entries has own properties only, `__proto__` among them.
const record = <K extends string | number>(map: ReadonlyMap<K, number>): Record<K, number> =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<K, number>;
