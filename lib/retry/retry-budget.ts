const SPAN_MS = 1000;
const SPANS = 10;
/** Retries a second that are always allowed, so that an API with little traffic gets any. */
const FLOOR_PER_SECOND = 10;

/**
 * Bounds what retries add to the load of an upstream that is failing: a share of the calls of the last
 * 10 s. The clock is passed in.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #calls = new Uint32Array(SPANS);
  readonly #retries = new Uint32Array(SPANS);
  #span = 0;

  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** Counts a call. @param now monotonic, in milliseconds */
  deposit(now: number): void {
    this.#turn(now);
    const at = this.#span % SPANS;
    this.#calls[at] = (this.#calls[at] ?? 0) + 1;
  }

  /** Takes one retry out. @returns whether there was one left */
  withdraw(now: number): boolean {
    this.#turn(now);
    const at = this.#span % SPANS;
    const current = this.#retries[at] ?? 0;
    if (current >= FLOOR_PER_SECOND && sum(this.#retries) >= this.#ratio * sum(this.#calls)) return false;
    this.#retries[at] = current + 1;
    return true;
  }

  /** How many retries are left at this moment. */
  left(now: number): number {
    this.#turn(now);
    const current = this.#retries[this.#span % SPANS] ?? 0;
    const share = Math.ceil(this.#ratio * sum(this.#calls) - sum(this.#retries));
    return Math.max(0, FLOOR_PER_SECOND - current, share);
  }

  /** Forgets all calls and retries. */
  reset(): void {
    this.#calls.fill(0);
    this.#retries.fill(0);
  }

  #turn(now: number): void {
    const span = Math.floor(now / SPAN_MS);
    const passed = span - this.#span;
    if (passed <= 0) return;
    for (let i = 1; i <= Math.min(passed, SPANS); i++) {
      this.#calls[(this.#span + i) % SPANS] = 0;
      this.#retries[(this.#span + i) % SPANS] = 0;
    }
    this.#span = span;
  }
}

function sum(counts: Uint32Array): number {
  let total = 0;
  for (const value of counts) total += value;
  return total;
}
