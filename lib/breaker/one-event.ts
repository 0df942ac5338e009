/** How long one event may take to end all that it ends. */
const LENGTH_MS = 5000;

/**
 * Tells the failures of one event from one another's: a restart of a target cuts many streams, and has happened once.
 * Those that were under way when the first was cut belong to it. A target that cuts every response does so to those that
 * begin afterwards, too.
 */
export class OneEvent {
  #firstAt = Number.NEGATIVE_INFINITY;

  /** @param startedAt when what was cut now had begun, on the clock of `performance.now()` */
  isAnother(startedAt: number): boolean {
    const now = performance.now();
    if (startedAt < this.#firstAt && now - this.#firstAt < LENGTH_MS) return false;
    this.#firstAt = now;
    return true;
  }
}
