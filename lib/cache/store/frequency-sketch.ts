import { mixed } from './text-hash.js';

const MAX_COUNT = 15;
const MIN_KEYS = 1024;
/** Requests in which a frequency is measured, for each key that is kept; then all counts are halved. */
const SAMPLES_PER_KEY = 10;

/**
 * About how often each key was requested of late, in a few bytes for each key that is kept. A first request only sets a
 * bit in the doorkeeper, so that keys which are requested once do not fill the counters.
 *
 * Source: Einziger, Friedman, Manes: TinyLFU: A Highly Efficient Cache Admission Policy, ACM Transactions on Storage
 * 13(4), 2017.
 */
export class FrequencySketch {
  readonly #counts: Uint8Array;
  readonly #doorkeeper: Int32Array;
  readonly #countMask: number;
  readonly #bitMask: number;
  readonly #sample: number;
  #seen = 0;

  /** @param keys that are kept at the same time */
  constructor(keys: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(keys, MIN_KEYS)));
    this.#counts = new Uint8Array(width * 4);
    this.#countMask = width * 4 - 1;
    // Eight bits for each request of the sample: a key is taken for another one in fifty times.
    this.#doorkeeper = new Int32Array((width * SAMPLES_PER_KEY) / 4);
    this.#bitMask = 2 ** Math.floor(Math.log2(this.#doorkeeper.length * 32)) - 1;
    this.#sample = width * SAMPLES_PER_KEY;
  }

  /** Counts a request for the key with this hash. */
  count(hash: number): void {
    if (this.#enter(hash)) this.#increment(hash);
    if (++this.#seen >= this.#sample) this.#age();
  }

  /** About how often it was requested. */
  frequency(hash: number): number {
    return this.#least(hash) + (this.#isInside(hash) ? 1 : 0);
  }

  /** @returns whether it was inside before */
  #enter(hash: number): boolean {
    const doorkeeper = this.#doorkeeper;
    let inside = true;
    for (let i = 0, bits = hash; i < DOORS; i++, bits = mixed(bits + STEP)) {
      const bit = bits & this.#bitMask;
      const word = doorkeeper[bit >>> 5] ?? 0;
      const flag = 1 << (bit & 31);
      if ((word & flag) !== 0) continue;
      inside = false;
      doorkeeper[bit >>> 5] = word | flag;
    }
    return inside;
  }

  #isInside(hash: number): boolean {
    for (let i = 0, bits = hash; i < DOORS; i++, bits = mixed(bits + STEP)) {
      const bit = bits & this.#bitMask;
      if (((this.#doorkeeper[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  /** Only the smallest of its counters: the others count other keys as well. */
  #increment(hash: number): void {
    const least = this.#least(hash);
    if (least >= MAX_COUNT) return;
    for (let i = 0, bits = hash; i < ROWS; i++) {
      bits = mixed(bits + STEP);
      const at = bits & this.#countMask;
      if (this.#counts[at] === least) this.#counts[at] = least + 1;
    }
  }

  #least(hash: number): number {
    let least = MAX_COUNT;
    for (let i = 0, bits = hash; i < ROWS; i++) {
      bits = mixed(bits + STEP);
      least = Math.min(least, this.#counts[bits & this.#countMask] ?? 0);
    }
    return least;
  }

  /** What was popular long ago gives way to what is popular now. */
  #age(): void {
    this.#seen >>>= 1;
    const counts = this.#counts;
    for (let i = 0; i < counts.length; i++) counts[i] = (counts[i] ?? 0) >>> 1;
    this.#doorkeeper.fill(0);
  }
}

const DOORS = 3;
const ROWS = 4;
const STEP = 0x9e3779b9;
