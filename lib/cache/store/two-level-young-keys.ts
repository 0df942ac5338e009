/** The keys that were added less than `maxAgeMs` ago. Older ones are removed as keys are added; there is no timer. */
export class YoungKeys {
  readonly #maxAgeMs: number;
  readonly #now: () => number;
  // All of them live equally long, so they expire in the order in which they were added.
  readonly #until = new Map<string, number>();

  constructor(maxAgeMs: number, now: () => number) {
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
  }

  get size(): number {
    return this.#until.size;
  }

  has(key: string): boolean {
    const until = this.#until.get(key);
    return until !== undefined && this.#now() < until;
  }

  remove(key: string): void {
    this.#until.delete(key);
  }

  add(key: string): void {
    const now = this.#now();
    this.#until.delete(key);
    this.#until.set(key, now + this.#maxAgeMs);
    for (const [oldest, until] of this.#until) {
      if (until > now) return;
      this.#until.delete(oldest);
    }
  }
}
