import { centroidsOf } from '../../../../lib/stats/digest/centroids.js';
import type { Delta } from '../../../../lib/stats/digest/delta.js';
import { sumOf, Tally } from '../../../../lib/stats/digest/tally.js';
import { spanStart } from '../../../../lib/stats/periods.js';
import type { StoredError } from '../../../../lib/stats/stored-error.js';

/** Successful requests that took these times, in milliseconds. */
export function talliedOf(times: readonly number[]): Tally {
  const tally = new Tally();
  Object.assign(tally, { total: times.length, success: times.length, bytesOut: 10 * times.length });
  tally.statusCodes.set(200, times.length);
  tally.proxies.set('direct', times.length);
  tally.responseTime = centroidsOf(Float32Array.from(times));
  return tally;
}

/** A delta of the minute around `now` in which each path was requested so often. */
export function deltaOf(
  now: number,
  calls: Readonly<Record<string, number>>,
  errors: readonly StoredError[] = [],
): Delta {
  const paths = new Map(
    Object.entries(calls).map(([path, times]) => [path, talliedOf(Array(times).fill(10))] as const),
  );
  return { span: 'minute', start: spanStart('minute', now), total: sumOf(paths.values()), paths, errors };
}

/** An error as it is stored. */
export function storedError(time: number, template = '/x'): StoredError {
  return {
    ...{ time, status: 503, code: undefined, message: 'status 503', method: 'GET', path: template },
    ...{ requestId: undefined, durationMs: 1, attempts: 1, template },
  };
}
