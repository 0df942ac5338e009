import { type Batch, type Delta, encodeBatch, withDelta } from '../digest/delta.js';

/** What one process still has to send for one API: at most one batch is in flight, the rest waits. */
export class Lane {
  readonly #writer: string;
  readonly #maxErrors: number;
  #waiting: Delta[] = [];
  #number = 0;
  #batch: { readonly batch: Batch; readonly bytes: Buffer } | undefined;
  /** The same batch is not sent again before this is settled. */
  #sending: Promise<unknown> | undefined;

  constructor(writer: string, maxErrors: number) {
    this.#writer = writer;
    this.#maxErrors = maxErrors;
  }

  add(delta: Delta): void {
    this.#waiting = withDelta(this.#waiting, delta, this.#maxErrors);
  }

  /** Requests that are not known to have arrived. */
  get unsent(): number {
    const deltas = [...(this.#batch?.batch.deltas ?? []), ...this.#waiting];
    // Without a request there may be attempts of the cache, or bytes of those in progress.
    return deltas.reduce((sum, { total }) => sum + Math.max(1, total.total), 0);
  }

  get isEmpty(): boolean {
    return !this.#batch && this.#waiting.length === 0;
  }

  /** The batch in flight, and what waits behind it as if it were another one. */
  pending(): Batch[] {
    const waiting = { writer: this.#writer, number: this.#number + 1, deltas: this.#waiting };
    return this.#batch ? [this.#batch.batch, waiting] : [waiting];
  }

  /**
   * Sends what waits, unless a batch is in flight. A batch whose reply was lost is sent again unchanged: its number
   * identifies it.
   * @returns the outcome of this batch, or of the one in flight
   */
  send(send: (bytes: Buffer) => Promise<unknown>): Promise<unknown> | undefined {
    if (this.#sending !== undefined) return this.#sending;
    const bytes = this.#next();
    if (!bytes) return undefined;
    this.#sending = Promise.resolve()
      .then(() => send(bytes))
      .then((reply) => {
        this.#batch = undefined;
        return reply;
      })
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }

  #next(): Buffer | undefined {
    if (!this.#batch && this.#waiting.length > 0) {
      const batch = { writer: this.#writer, number: ++this.#number, deltas: this.#waiting };
      this.#batch = { batch, bytes: encodeBatch(batch) };
      this.#waiting = [];
    }
    return this.#batch?.bytes;
  }
}
