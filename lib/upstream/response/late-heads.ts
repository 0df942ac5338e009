/** A response whose head may still wait for its body. */
export interface LateHead {
  /** Sends the head, unless it was sent with the body. */
  flushIfWaiting(): void;
}

const WAIT_MS = 5;

/**
 * Heads that wait a moment for the first bytes of their body, so that both are sent in one write: otherwise a target
 * that sends its head separately would cost one more write to the client's connection. One timer serves all.
 */
export class LateHeads {
  #waiting: LateHead[] = [];
  #timer: NodeJS.Timeout | undefined;

  add(head: LateHead): void {
    this.#waiting.push(head);
    if (this.#timer) return;
    this.#timer = setTimeout(this.#flush, WAIT_MS);
    this.#timer.unref();
  }

  /** Sends all waiting heads. */
  close(): void {
    clearTimeout(this.#timer);
    this.#flush();
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#timer = undefined;
    for (const head of waiting) head.flushIfWaiting();
  };
}
