/** Something that must be over by a time. */
export interface Deadline {
  /** On the clock of `performance.now()`. */
  dueAt: number;
  expire(): void;
}

const TICK_MS = 25;

/**
 * One timer for all attempts that are under way: a deadline costs two set operations, not a timer of its
 * own, and is met within 25 ms. The timer stands still while there is nothing to watch.
 */
export class DeadlineWheel {
  readonly #watched = new Set<Deadline>();
  #timer: NodeJS.Timeout | undefined;

  watch(deadline: Deadline): void {
    this.#watched.add(deadline);
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  forget(deadline: Deadline): void {
    this.#watched.delete(deadline);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }

  #tick(): void {
    const now = performance.now();
    for (const deadline of this.#watched) {
      if (deadline.dueAt > now) continue;
      this.#watched.delete(deadline);
      deadline.expire();
    }
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
