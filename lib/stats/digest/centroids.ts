import type { Latency } from '../stats-source.js';

/**
 * A distribution in compact form, a t-digest: means in ascending order and how many values each represents, with the
 * exact minimum and maximum. It is immutable.
 */
export interface Centroids {
  readonly means: Float32Array;
  readonly counts: Float64Array;
  /** Number of values. */
  readonly total: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Limits a centroid at rank q to this share of all values times sqrt(q(1 - q)): 1.5 % in the middle and 0.3 % at p99,
 * which leaves about 150 of them.
 */
const SHARE = 0.03;

/**
 * Values that differ by more than this factor stay apart. Without it one centroid would reach from the hits of a
 * cache to its misses, and a median between them would be far off.
 */
const SPREAD = 1.1;

/** Differences below this many milliseconds do not matter. */
const FINEST_MS = 0.001;

/**
 * Builds a distribution.
 * @param values in any order; sorted in place
 */
export function centroidsOf(values: Float32Array): Centroids | undefined {
  if (values.length === 0) return undefined;
  const means = values.sort();
  const ends = { min: means[0] ?? 0, max: means[means.length - 1] ?? 0 };
  const builder = new Builder(means.length, means.length);
  for (const mean of means) builder.add(mean, 1);
  return builder.done(ends.min, ends.max);
}

/** Merges two distributions. */
export function mergeCentroids(a: Centroids | undefined, b: Centroids | undefined): Centroids | undefined {
  if (!a) return b;
  if (!b) return a;
  const builder = new Builder(a.total + b.total, a.means.length + b.means.length);
  let i = 0;
  let j = 0;
  while (i < a.means.length || j < b.means.length) {
    const left = a.means[i] ?? Number.POSITIVE_INFINITY;
    const right = b.means[j] ?? Number.POSITIVE_INFINITY;
    if (left <= right) builder.add(left, a.counts[i++] ?? 0);
    else builder.add(right, b.counts[j++] ?? 0);
  }
  return builder.done(Math.min(a.min, b.min), Math.max(a.max, b.max));
}

/** The value that this share of all values, from 0 to 1, does not exceed. */
export function quantile({ means, counts, total, min, max }: Centroids, share: number): number {
  const rank = share * total;
  let seen = 0;
  let lastMean = min;
  let lastRank = 0;
  for (let i = 0; i < means.length; i++) {
    const mean = means[i] ?? 0;
    const count = counts[i] ?? 0;
    const middle = seen + count / 2;
    if (rank <= middle) return lastMean + ((mean - lastMean) * (rank - lastRank)) / (middle - lastRank);
    lastMean = mean;
    lastRank = middle;
    seen += count;
  }
  return lastRank < total ? lastMean + ((max - lastMean) * (rank - lastRank)) / (total - lastRank) : max;
}

const NO_TIMES: Latency = Object.freeze({ count: 0, min: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 });

/** The percentiles of a distribution. */
export function latencyOf(centroids: Centroids | undefined): Latency {
  if (!centroids) return NO_TIMES;
  const { total, min, max } = centroids;
  const at = (share: number): number => Math.min(max, Math.max(min, quantile(centroids, share)));
  return { count: total, min, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max };
}

/** Merges centroids, added in ascending order, where their limits allow it. */
class Builder {
  readonly #total: number;
  readonly #means: Float32Array;
  readonly #counts: Float64Array;
  #size = 0;
  #before = 0;
  #mean = 0;
  #count = 0;
  #reach = 0;

  constructor(total: number, room: number) {
    this.#total = total;
    this.#means = new Float32Array(room);
    this.#counts = new Float64Array(room);
  }

  add(mean: number, count: number): void {
    const joined = this.#count + count;
    if (this.#count > 0 && mean <= this.#reach) {
      const rank = (this.#before + joined / 2) / this.#total;
      if (joined <= this.#total * SHARE * Math.sqrt(rank * (1 - rank))) {
        this.#mean += ((mean - this.#mean) * count) / joined;
        this.#count = joined;
        return;
      }
    }
    this.#close();
    this.#mean = mean;
    this.#count = count;
    this.#reach = mean * SPREAD + FINEST_MS;
  }

  done(min: number, max: number): Centroids {
    this.#close();
    return {
      means: this.#means.slice(0, this.#size),
      counts: this.#counts.slice(0, this.#size),
      total: this.#before,
      min,
      max,
    };
  }

  #close(): void {
    if (this.#count === 0) return;
    this.#means[this.#size] = this.#mean;
    this.#counts[this.#size] = this.#count;
    this.#size++;
    this.#before += this.#count;
    this.#count = 0;
  }
}
