/** Something that must end by a given time. */
export interface Deadline {
  /** On the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Index in the wheel's array, -1 if it is not there. Set by the wheel only. */
  slot: number;
  expire(): void;
}

const TICK_MS = 25;

/**
 * One timer for all attempts in progress: a deadline costs two writes to an array instead of a timer of its own, and
 * is met within 25 ms. The timer is stopped while there is nothing to watch.
 *
 * Not a Set: a table that a Set has outgrown keeps the next one alive, and with it every attempt of the last seconds,
 * which cost the garbage collector more than all the rest of a call.
 */
export class DeadlineWheel {
  readonly #watched: Deadline[] = [];
  #timer: NodeJS.Timeout | undefined;

  watch(deadline: Deadline): void {
    deadline.slot = this.#watched.push(deadline) - 1;
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  forget(deadline: Deadline): void {
    const { slot } = deadline;
    if (slot < 0) return;
    deadline.slot = -1;
    const last = this.#watched.pop();
    if (!last || last === deadline) return;
    this.#watched[slot] = last;
    last.slot = slot;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const deadline of this.#watched.splice(0)) deadline.slot = -1;
  }

  #tick(): void {
    const now = performance.now();
    const due = this.#watched.filter((deadline) => deadline.dueAt <= now);
    for (const deadline of due) {
      // An expiry may remove others.
      if (deadline.slot < 0) continue;
      this.forget(deadline);
      deadline.expire();
    }
    if (this.#watched.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
