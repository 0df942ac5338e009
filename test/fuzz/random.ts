/** Numbers that look random and are the same for the same seed: mulberry32. */
export class Random {
  #state: number;

  /** @param seeds together they are the seed */
  constructor(...seeds: number[]) {
    this.#state = 0x9e3779b9;
    for (const seed of seeds) {
      this.#state = (this.#state ^ seed) >>> 0;
      this.next();
      this.#state = Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d) >>> 0;
    }
  }

  /** From 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from `min` to `max`. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(ratio: number): boolean {
    return this.next() < ratio;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  /** A size: mostly small, now and then up to `max`. */
  size(max: number): number {
    return Math.floor(max * this.next() ** 6);
  }

  bytes(length: number, from = 0x20, to = 0x7e): string {
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.int(from, to));
    return text;
  }
}
