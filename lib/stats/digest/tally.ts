import { OUTCOMES, type Outcome } from '../../core/ended-call.js';
import type { Blame } from '../../core/errors.js';
import type { CacheVerdict } from '../../core/exchange.js';
import { ATTEMPT_RESULTS, type AttemptResult } from '../../http/outcome.js';
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
  'slow',
] as const;

/** The distributions of a {@link Tally} that it has had from the start, in the order in which they are packed. */
export const TIMES = ['responseTime', 'timeToFirstByte'] as const;

/** The counters that were added later, in the order in which they are packed. */
export const MORE_COUNTERS = ['background', 'webSocketBytesIn', 'webSocketBytesOut'] as const;

/** The distributions that were added later, in the order in which they are packed. */
export const MORE_TIMES = ['upstreamTime', 'streamTime', 'webSocketTime'] as const;

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
  /** Calls that were no failure, and slower than the objective of their API allows. */
  slow = 0;
  /** When counting began, in epoch milliseconds, on the page of all time; `undefined` where that is not known. */
  since: number | undefined = undefined;
  background = 0;
  webSocketBytesIn = 0;
  webSocketBytesOut = 0;
  readonly outcomes: Record<Outcome, number> = zeros(OUTCOMES);
  readonly attemptResults: Record<AttemptResult, number> = zeros(ATTEMPT_RESULTS);
  readonly statusCodes = new Map<number, number>();
  readonly cache = new Map<CacheVerdict, number>();
  readonly failedBy = new Map<Blame, number>();
  readonly proxies = new Map<string, number>();
  readonly errors = new Map<string, number>();
  responseTime: Centroids | undefined = undefined;
  timeToFirstByte: Centroids | undefined = undefined;
  upstreamTime: Centroids | undefined = undefined;
  streamTime: Centroids | undefined = undefined;
  webSocketTime: Centroids | undefined = undefined;

  add(other: Tally): void {
    for (const counter of COUNTERS) this[counter] += other[counter];
    for (const counter of MORE_COUNTERS) this[counter] += other[counter];
    for (const outcome of OUTCOMES) this.outcomes[outcome] += other.outcomes[outcome];
    for (const result of ATTEMPT_RESULTS) this.attemptResults[result] += other.attemptResults[result];
    for (const [status, times] of other.statusCodes) bump(this.statusCodes, status, times);
    for (const [verdict, times] of other.cache) bump(this.cache, verdict, times);
    for (const [by, times] of other.failedBy) bump(this.failedBy, by, times);
    for (const [proxy, times] of other.proxies) bumpName(this.proxies, proxy, times);
    for (const [code, times] of other.errors) bumpName(this.errors, code, times);
    for (const time of TIMES) this[time] = mergeCentroids(this[time], other[time]);
    for (const time of MORE_TIMES) this[time] = mergeCentroids(this[time], other[time]);
  }
}

const zeros = <K extends string>(keys: readonly K[]): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;

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
  const { total, success, failure, aborted, bytesIn, bytesOut, attempts, retried, background } = tally;
  return {
    total,
    success,
    failure,
    failedBy: record(tally.failedBy),
    aborted,
    outcomes: { ...tally.outcomes },
    statusCodes: record(tally.statusCodes),
    responseTime: latencyOf(tally.responseTime),
    timeToFirstByte: latencyOf(tally.timeToFirstByte),
    upstreamTime: latencyOf(tally.upstreamTime),
    streamTime: latencyOf(tally.streamTime),
    bytesIn,
    bytesOut,
    cache: record(tally.cache),
    attempts,
    attemptResults: { ...tally.attemptResults },
    background,
    retried,
    webSocketTime: latencyOf(tally.webSocketTime),
    webSocketBytesIn: tally.webSocketBytesIn,
    webSocketBytesOut: tally.webSocketBytesOut,
    proxies: record(tally.proxies),
    errors: record(tally.errors),
  };
}

// A record made from entries has own properties only, `__proto__` among them.
const record = <K extends string | number>(map: ReadonlyMap<K, number>): Record<K, number> =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<K, number>;
