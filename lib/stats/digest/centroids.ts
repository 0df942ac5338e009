import type { Latency } from '../stats-source.js';

/**
 * A distribution in compact form: values in ascending order and how many calls each represents, with the exact minimum
 * and maximum. It is immutable.
 *
 * Each is either one value that all of its calls have taken, or, where `spread` is 1, the mean of neighbours that were
 * joined as a t-digest joins them.
 */
export interface Centroids {
  readonly values: Float32Array;
  readonly counts: Float64Array;
  readonly spread: Uint8Array;
  /** Number of values. */
  readonly total: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Limits a centroid at rank q to this share of all values times sqrt(q(1 - q)): 2 % in the middle and 0.4 % at p99, which
 * leaves about 110 of them. Half of it is the largest error of a rank.
 */
const SHARE = 0.04;

/**
 * Values that differ by more than this factor stay apart. Without it one centroid would reach from the hits of a
 * cache to its misses, and a median between them would be far off.
 */
const SPREAD = 1.1;

/** Differences below this many milliseconds do not matter. */
const FINEST_MS = 0.001;

/**
 * Values are kept without the lowest bits of their floats, five digits: equal ones are still equal once they were
 * packed, and merge.
 */
export const DROPPED_BITS = 7;
const ROUNDING = 1 << (DROPPED_BITS - 1);

/**
 * Builds a distribution.
 * @param values in any order; sorted and rounded in place
 */
export function centroidsOf(values: Float32Array): Centroids | undefined {
  if (values.length === 0) return undefined;
  values.sort();
  const ends = { min: values[0] ?? 0, max: values[values.length - 1] ?? 0 };
  round(values);
  const builder = new Builder(values.length, values.length);
  for (const value of values) builder.add(value, 1, 0);
  return builder.done(ends.min, ends.max);
}

/** Merges two distributions. */
export function mergeCentroids(a: Centroids | undefined, b: Centroids | undefined): Centroids | undefined {
  if (!a) return b;
  if (!b) return a;
  const builder = new Builder(a.total + b.total, a.values.length + b.values.length);
  let i = 0;
  let j = 0;
  while (i < a.values.length || j < b.values.length) {
    const left = a.values[i] ?? Number.POSITIVE_INFINITY;
    const right = b.values[j] ?? Number.POSITIVE_INFINITY;
    if (left <= right) builder.add(left, a.counts[i] ?? 0, a.spread[i++] ?? 0);
    else builder.add(right, b.counts[j] ?? 0, b.spread[j++] ?? 0);
  }
  return builder.done(Math.min(a.min, b.min), Math.max(a.max, b.max));
}

/**
 * The smallest value that at least this share of all values, from 0 to 1, does not exceed: the nearest rank. It is one
 * that was measured, or lies among the neighbours that were joined around one mean; never in a gap between two.
 */
export function quantile(centroids: Centroids, share: number): number {
  const { values, counts, spread, total, min, max } = centroids;
  // 0.07 * 100 is more than 7.
  const rank = Math.min(total, Math.max(1, Math.ceil(share * total - 1e-9)));
  if (rank === total) return max;
  let i = 0;
  let seen = 0;
  while (i < values.length - 1 && seen + (counts[i] ?? 0) < rank) seen += counts[i++] ?? 0;
  const value = values[i] ?? 0;
  const within = spread[i] === 1 ? among(centroids, i, (rank - 0.5 - seen) / (counts[i] ?? 1)) : value;
  return Math.min(max, Math.max(min, within));
}

/** Where in a joined centroid a value stands, `position` of 0 to 1 through it. */
function among({ values, spread, min, max }: Centroids, i: number, position: number): number {
  const mean = values[i] ?? 0;
  const edge = (neighbour: number, end: number): number => {
    const other = values[neighbour];
    if (other === undefined) return end;
    return spread[neighbour] === 1 ? (other + mean) / 2 : other;
  };
  const below = mean - edge(i - 1, min);
  const above = edge(i + 1, max) - mean;
  // Where the next one is far away there is a gap, into which it does not reach: as far as on its other side, about.
  const reach = Math.min(2 * Math.min(below, above), (mean * (SPREAD - 1)) / 2 + FINEST_MS);
  const low = mean - Math.min(below, reach);
  const high = mean + Math.min(above, reach);
  return low + (high - low) * position;
}

const NO_TIMES: Latency = Object.freeze({
  ...{ count: 0, min: null, p50: null, p90: null, p95: null, p99: null, max: null },
});

/** The percentiles of a distribution. */
export function latencyOf(centroids: Centroids | undefined): Latency {
  if (!centroids) return NO_TIMES;
  const { total, min, max } = centroids;
  const at = (share: number): number => quantile(centroids, share);
  return { count: total, min, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max };
}

/** Positive floats sort like their bits. */
function round(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = (((bits[i] ?? 0) + ROUNDING) >>> DROPPED_BITS) << DROPPED_BITS;
  }
}

/** Joins centroids, added in ascending order, where their limits allow it. */
class Builder {
  readonly #total: number;
  readonly #values: Float32Array;
  readonly #counts: Float64Array;
  readonly #spread: Uint8Array;
  #size = 0;
  #before = 0;
  #value = 0;
  #count = 0;
  #isSpread = 0;
  #reach = 0;

  constructor(total: number, room: number) {
    this.#total = total;
    this.#values = new Float32Array(room);
    this.#counts = new Float64Array(room);
    this.#spread = new Uint8Array(room);
  }

  add(value: number, count: number, spread: number): void {
    const joined = this.#count + count;
    // Equal values are one, however many they are.
    if (value === this.#value && this.#isSpread === spread && this.#count > 0) {
      this.#count = joined;
      return;
    }
    if (this.#count > 0 && value <= this.#reach) {
      const rank = (this.#before + joined / 2) / this.#total;
      if (joined <= this.#total * SHARE * Math.sqrt(rank * (1 - rank))) {
        this.#value += ((value - this.#value) * count) / joined;
        this.#count = joined;
        this.#isSpread = 1;
        return;
      }
    }
    this.#close();
    this.#value = value;
    this.#count = count;
    this.#isSpread = spread;
    this.#reach = value * SPREAD + FINEST_MS;
  }

  done(min: number, max: number): Centroids {
    this.#close();
    const values = this.#values.slice(0, this.#size);
    round(values);
    return {
      values,
      counts: this.#counts.slice(0, this.#size),
      spread: this.#spread.slice(0, this.#size),
      total: this.#before,
      min,
      max,
    };
  }

  #close(): void {
    if (this.#count === 0) return;
    this.#values[this.#size] = this.#value;
    this.#counts[this.#size] = this.#count;
    this.#spread[this.#size] = this.#isSpread;
    this.#size++;
    this.#before += this.#count;
    this.#count = 0;
  }
}
