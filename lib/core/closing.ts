/** The state of something that can be closed, and those that wait for something of it. */
export class Closing {
  #closed = false;
  #closing: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();

  /** Whether it is closed, or about to be. */
  get begun(): boolean {
    return this.#closed;
  }

  /**
   * Calls back once when it is closed; at once where it is.
   * @returns ends the wait
   */
  whileOpen(closed: () => void): () => void {
    if (this.#closed) {
      closed();
      return () => {};
    }
    this.#waiting.add(closed);
    return () => void this.#waiting.delete(closed);
  }

  /** Closes it: tells all who wait, then runs `close`, once. Every call returns the same promise. */
  begin(close: () => unknown): Promise<void> {
    this.#closing ??= this.#begin(close);
    return this.#closing;
  }

  async #begin(close: () => unknown): Promise<void> {
    this.#closed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
    await close();
  }
}

/** Waits until all of them have ended, and then throws what the first of those failed with that failed. */
export async function allEnded(ends: readonly unknown[]): Promise<void> {
  const results = await Promise.allSettled(ends);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
