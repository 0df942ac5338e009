/** A response whose head may still wait for its body. */
export interface LateHead {
  /** Sends the head, unless the body has taken it along. */
  flushIfWaiting(): void;
}

const WAIT_MS = 5;

/**
 * Heads that wait a moment for the first bytes of their body, so that both go out in one write: a target that sends its
 * head by itself would else cost every client's connection one more. One timer serves them all.
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

  /** Sends all that wait. */
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
