/** Calls that wait for a change; there is one timer at most. */
export class Waiting {
  #waiters: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * Resolves after the next change, or when the time of the first waiting call is up: in a turn of the event loop for each
   * call, so that the next one sees what this one has taken.
   */
  until(mostMs: number): Promise<void> {
    this.#timer ??= this.#limit(mostMs);
    return new Promise((resolve) => this.#waiters.push(() => setImmediate(resolve)));
  }

  /** Wakes the call that has waited longest: there is room for one. */
  next(): void {
    this.#waiters.shift()?.();
  }

  /** Wakes all of them. */
  wake(): void {
    if (this.#waiters.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #limit(ms: number): NodeJS.Timeout {
    const timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.wake();
      },
      Math.max(1, ms),
    );
    timer.unref();
    return timer;
  }
}
