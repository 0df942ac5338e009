/** The trials of one half-open period: a bounded number at a time, each holding a slot until it ends. */
export class ProbeSlots {
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #startedAt = new Map<object, number>();

  constructor(max: number, timeoutMs: number) {
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes a slot, or starts the clock of the one that is held already; `false` where none is free. */
  take(holder: object, now: number): boolean {
    if (!this.mayTake(holder, now)) return false;
    this.#startedAt.set(holder, now);
    return true;
  }

  /** Whether {@link take} would succeed. */
  mayTake(holder: object, now: number): boolean {
    if (this.#startedAt.has(holder) || this.#startedAt.size < this.#max) return true;
    this.#giveUp(now);
    return this.#startedAt.size < this.#max;
  }

  /** Frees the slot; `false` where none was held, or it was given up. */
  end(holder: object): boolean {
    return this.#startedAt.delete(holder);
  }

  // Only when a slot is wanted: a trial that nobody is in the way of may take its time.
  #giveUp(now: number): void {
    for (const [holder, startedAt] of this.#startedAt) {
      if (now - startedAt >= this.#timeoutMs) this.#startedAt.delete(holder);
    }
  }
}
