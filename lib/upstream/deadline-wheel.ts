/** Something that must end by a given time. */
export interface Deadline {
  /** Index in the wheel's array, -1 if it is not there. Set by the wheel only. */
  slot: number;
  /**
   * How long until it is due at the soonest, in milliseconds; 0 or less is due. It is asked again by then: what moves may
   * have put it off. @param now by `performance.now()`
   */
  dueInMs(now: number): number;
  expire(): void;
}

const TICK_MS = 25;
/**
 * Beyond these, or after so long, the others wait for a turn, so that a thousand which are due at once hold no other call
 * up: it takes some four turns of the loop.
 */
const MOST_AT_ONCE = 10;
const TURN_MS = 1;

/**
 * One timer for all attempts in progress: a deadline costs two writes to an array instead of a timer of its own, and
 * is met within 25 ms. The timer is stopped while there is nothing to watch.
 *
 * Nothing expires before sockets were read once more: after a process has stood still its timers run first, and what
 * arrived in time is still unread.
 *
 * Not a Set: a table that a Set has outgrown keeps the next one alive, and with it every attempt of the last seconds,
 * which cost the garbage collector more than all the rest of a call.
 */
export class DeadlineWheel {
  readonly #watched: Deadline[] = [];
  /** When each is asked next. A tick reads these alone, not the deadlines: a thousand of them are in no cache of the CPU. */
  readonly #askAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #expiring: NodeJS.Immediate | undefined;

  watch(deadline: Deadline): void {
    deadline.slot = this.#watched.push(deadline) - 1;
    this.#askAt.push(0);
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** It may be due sooner than it said: the next tick asks it. */
  moved({ slot }: Deadline): void {
    if (slot >= 0) this.#askAt[slot] = 0;
  }

  forget(deadline: Deadline): void {
    const { slot } = deadline;
    if (slot < 0) return;
    deadline.slot = -1;
    const last = this.#watched.pop();
    const askAt = this.#askAt.pop() ?? 0;
    if (!last || last === deadline) return;
    this.#watched[slot] = last;
    this.#askAt[slot] = askAt;
    last.slot = slot;
  }

  close(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#expiring);
    this.#timer = undefined;
    this.#expiring = undefined;
    for (const deadline of this.#watched.splice(0)) deadline.slot = -1;
    this.#askAt.length = 0;
  }

  #tick(): void {
    if (this.#watched.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    const due = this.#due(now);
    if (due.length > 0) this.#expiring ??= setImmediate(() => this.#expire(due));
  }

  #due(now: number): Deadline[] {
    const due: Deadline[] = [];
    const { length } = this.#askAt;
    for (let i = 0; i < length; i++) {
      if ((this.#askAt[i] ?? 0) > now) continue;
      const deadline = this.#watched[i];
      const ms = deadline?.dueInMs(now) ?? 0;
      if (ms > 0) this.#askAt[i] = now + ms;
      else if (deadline) due.push(deadline);
    }
    return due;
  }

  #expire(due: readonly Deadline[]): void {
    this.#expiring = undefined;
    const now = performance.now();
    let expired = 0;
    for (const [i, deadline] of due.entries()) {
      if (expired === MOST_AT_ONCE || (expired > 0 && performance.now() - now > TURN_MS)) {
        this.#expiring = setImmediate(() => this.#expire(due.slice(i)));
        return;
      }
      // One that expires may take others with it.
      if (deadline.slot < 0 || deadline.dueInMs(now) > 0) continue;
      expired++;
      this.forget(deadline);
      deadline.expire();
    }
  }
}
