/** Calls that wait for a change. All are woken together; there is one timer at most. */
export class Waiting {
  #waiters: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Resolves at the next change, or when the time of the first waiting call is up. */
  until(mostMs: number): Promise<void> {
    this.#timer ??= this.#limit(mostMs);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  wake(): void {
    if (this.#waiters.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #limit(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.wake(), Math.max(1, ms));
    timer.unref();
    return timer;
  }
}
