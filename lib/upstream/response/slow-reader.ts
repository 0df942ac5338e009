import type { ServerResponse } from 'node:http';

/** A client that held its target up for so long is slower than its network is; no target gives up on one sooner. */
const SLOW_MS = 250;
/** What the target had sent before it gave up is read first, once the client reads on. */
const AFTERMATH_MS = 1000;
/** A client that takes more is not slow, though its response may be full at each look. */
const BURST_BYTES = 64 * 1024;
const BYTES_PER_MS = 64;
/** Between two looks; what is beyond it is a standstill of this process, and not the client's. */
const LONGEST_STEP_MS = 100;

/** Whether the client of a response holds its target up, so that the target may lose patience. Looks at each tick. */
export class SlowReader {
  #lookedAt = 0;
  #heldMs = 0;
  /** Bytes that the client had taken when it began to hold the target up; `undefined` while it does not. */
  #taken: number | undefined;
  #slowAt = Number.NEGATIVE_INFINITY;

  /** @returns whether the target has to wait for the client now */
  look(res: ServerResponse, now: number): boolean {
    if (!res.writableNeedDrain) {
      this.#taken = undefined;
      return false;
    }
    const taken = takenOf(res);
    if (this.#taken === undefined) this.#begin(taken);
    else this.#heldMs += Math.min(now - this.#lookedAt, LONGEST_STEP_MS);
    if (taken - (this.#taken ?? taken) > BURST_BYTES + this.#heldMs * BYTES_PER_MS) this.#begin(taken);
    this.#lookedAt = now;
    if (this.#heldMs >= SLOW_MS) this.#slowAt = now;
    return true;
  }

  /** Whether the target may have given up on the client. */
  isBlamed(now: number): boolean {
    return now - this.#slowAt <= AFTERMATH_MS;
  }

  #begin(taken: number): void {
    this.#taken = taken;
    this.#heldMs = 0;
  }
}

function takenOf({ socket }: ServerResponse): number {
  return socket ? socket.bytesWritten - socket.writableLength : 0;
}
