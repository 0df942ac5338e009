const CLOSE = 0x8;
const LONGEST_HEAD = 14;

/**
 * Finds where the frames of a WebSocket end (RFC 6455 §5.2), without reading their payload: only there can another
 * frame be inserted.
 */
export class FrameBoundary {
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #headBytes = 0;
  #payloadLeft = 0;
  #closing = false;

  /** All frames so far are complete. */
  get between(): boolean {
    return this.#headBytes === 0 && this.#payloadLeft === 0;
  }

  /** A close frame has passed. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Follows the bytes that pass. @returns where in the chunk the first frame ends, -1 if none does */
  push(chunk: Buffer): number {
    let first = -1;
    let i = 0;
    while (i < chunk.length) {
      if (this.#payloadLeft > 0) {
        const bytes = Math.min(this.#payloadLeft, chunk.length - i);
        this.#payloadLeft -= bytes;
        i += bytes;
      } else {
        this.#head[this.#headBytes++] = chunk[i++] ?? 0;
        this.#readHead();
      }
      if (first < 0 && this.between) first = i;
    }
    return first;
  }

  #readHead(): void {
    const head = this.#head;
    if (this.#headBytes < 2) return;
    const length = (head[1] ?? 0) & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    const mask = (head[1] ?? 0) & 0x80 ? 4 : 0;
    if (this.#headBytes < 2 + extended + mask) return;
    this.#headBytes = 0;
    if (extended === 0) this.#payloadLeft = length;
    else this.#payloadLeft = extended === 2 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2));
    if (((head[0] ?? 0) & 0x0f) === CLOSE) this.#closing = true;
  }
}
