// @ts-expect-error tdigest ships no types; what is used of it is declared below.
import untyped from 'tdigest';
import { type Centroids, centroidsOf, mergeCentroids } from './digest/centroids.js';

/** The part of the package tdigest that is used here. */
interface TDigest {
  push_centroid(centroid: { mean: number; n: number }): void;
  toArray(): { readonly mean: number; readonly n: number }[];
}

const { TDigest: TDigestClass }: { TDigest: new (delta: number) => TDigest } = untyped;

/** Finer than what is kept: its centroids are merged with others afterwards. */
const DELTA = 0.01;

const FEW = 16;
const MANY = 4096;

/**
 * Times of the requests since the last flush. A request stores one number. On a path so busy that they no longer fit
 * they are moved into a digest, as centroids and not one by one: tdigest takes half a microsecond for each.
 */
export class LiveTimes {
  #samples = new Float32Array(FEW);
  #size = 0;
  #digest: TDigest | undefined;
  #digested = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(ms: number): void {
    if (this.#size === this.#samples.length) this.#makeRoom();
    this.#samples[this.#size++] = ms;
  }

  /** All of them as one distribution; starts over. */
  take(): Centroids | undefined {
    if (this.#size === 0 && !this.#digest) return undefined;
    const rest = centroidsOf(this.#samples.slice(0, this.#size));
    const all = mergeCentroids(this.#taken(), rest);
    this.#size = 0;
    this.#digest = undefined;
    this.#digested = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
    return all;
  }

  #taken(): Centroids | undefined {
    if (!this.#digest) return undefined;
    const centroids = this.#digest.toArray();
    return {
      means: Float32Array.from(centroids, ({ mean }) => mean),
      counts: Float64Array.from(centroids, ({ n }) => n),
      total: this.#digested,
      min: this.#min,
      max: this.#max,
    };
  }

  #makeRoom(): void {
    if (this.#samples.length < MANY) {
      const larger = new Float32Array(this.#samples.length * 2);
      larger.set(this.#samples);
      this.#samples = larger;
      return;
    }
    this.#digest ??= new TDigestClass(DELTA);
    const folded = centroidsOf(this.#samples.slice());
    if (!folded) return;
    folded.means.forEach((mean, i) => {
      this.#digest?.push_centroid({ mean, n: folded.counts[i] ?? 0 });
    });
    this.#min = Math.min(this.#min, folded.min);
    this.#max = Math.max(this.#max, folded.max);
    this.#digested += this.#size;
    this.#size = 0;
  }
}
