/** Slots for the probes of one half-open period: a bounded number, each held until its probe ends. */
export class ProbeSlots {
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #startedAt = new Map<object, number>();

  constructor(max: number, timeoutMs: number) {
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes a slot, or restarts the timeout of the one that the holder has; `false` if none is free. */
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

  /** Whether no probe is under way. */
  get isEmpty(): boolean {
    return this.#startedAt.size === 0;
  }

  /** Frees the slot; `false` if the holder has none, or lost it by timeout. */
  end(holder: object): boolean {
    return this.#startedAt.delete(holder);
  }

  // Called only when a slot is wanted: a slow probe that blocks nobody may take its time.
  #giveUp(now: number): void {
    for (const [holder, startedAt] of this.#startedAt) {
      if (now - startedAt >= this.#timeoutMs) this.#startedAt.delete(holder);
    }
  }
}
