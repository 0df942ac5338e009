// @ts-expect-error tdigest ships no types; what is used of it is declared below.
import untyped from 'tdigest';
import { type Centroids, centroidsOf, mergeCentroids } from './digest/centroids.js';

/** The part of the package tdigest that is used here. */
interface TDigest {
  push_centroid(centroid: { mean: number; n: number }): void;
  size(): number;
  toArray(): { readonly mean: number; readonly n: number }[];
}

/** Without a delta it counts equal values and averages none: the mean of a hit and a miss is no value of a call. */
const { TDigest: TDigestClass }: { TDigest: new (delta: false) => TDigest } = untyped;

const FEW = 16;
const MANY = 4096;

/**
 * Times of the requests since the last flush. A request stores one number. On a path so busy that they no longer fit
 * they are moved into a digest, as centroids and not one by one: tdigest takes half a microsecond for each.
 */
export class LiveTimes {
  #samples = new Float32Array(FEW);
  #size = 0;
  #folded: Folded | undefined;

  add(ms: number): void {
    if (this.#size === this.#samples.length) this.#makeRoom();
    this.#samples[this.#size++] = ms;
  }

  /** All of them as one distribution; starts over. */
  take(): Centroids | undefined {
    if (this.#size === 0 && !this.#folded) return undefined;
    const rest = centroidsOf(this.#samples.slice(0, this.#size));
    const all = mergeCentroids(this.#folded?.centroids(), rest);
    this.#size = 0;
    this.#folded = undefined;
    return all;
  }

  #makeRoom(): void {
    if (this.#samples.length < MANY) {
      const larger = new Float32Array(this.#samples.length * 2);
      larger.set(this.#samples);
      this.#samples = larger;
      return;
    }
    const full = centroidsOf(this.#samples);
    this.#folded ??= new Folded();
    if (full) this.#folded.add(full);
    this.#size = 0;
  }
}

/** Many distributions that are not merged yet: finer than what is kept of them in the end. */
class Folded {
  #digest = new TDigestClass(false);
  /** Those in the digest that are the means of several values. */
  readonly #spread = new Set<number>();
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  /** What was in the digest when it was full. */
  #kept: Centroids | undefined;

  add({ values, counts, spread, total, min, max }: Centroids): void {
    if (this.#digest.size() >= MANY) this.#empty();
    for (let i = 0; i < values.length; i++) {
      const mean = values[i] ?? 0;
      this.#digest.push_centroid({ mean, n: counts[i] ?? 0 });
      if (spread[i] === 1) this.#spread.add(mean);
    }
    this.#total += total;
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  centroids(): Centroids | undefined {
    if (this.#total === 0) return this.#kept;
    const counted = this.#digest.toArray();
    const digested = {
      values: Float32Array.from(counted, ({ mean }) => mean),
      counts: Float64Array.from(counted, ({ n }) => n),
      spread: Uint8Array.from(counted, ({ mean }) => Number(this.#spread.has(mean))),
      ...{ total: this.#total, min: this.#min, max: this.#max },
    };
    return mergeCentroids(this.#kept, digested);
  }

  #empty(): void {
    this.#kept = this.centroids();
    this.#digest = new TDigestClass(false);
    this.#spread.clear();
    this.#total = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
  }
}
