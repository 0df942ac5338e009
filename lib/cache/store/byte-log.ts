const MIN_CHUNK_BYTES = 64 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Bytes that are added at one end and freed at the other, in a few large chunks of memory. */
export class ByteLog {
  #chunks: Buffer[] = [];
  /** Number of the first of the chunks. */
  #first = 0;
  #at = 0;
  #spare: Buffer | undefined;
  /** Reserved, and not freed yet. */
  bytes = 0;

  /** Number of the chunk that was reserved from last. */
  get newest(): number {
    return this.#first + this.#chunks.length - 1;
  }

  chunk(number: number): Buffer {
    return this.#chunks[number - this.#first] ?? NOTHING;
  }

  /** Room for so many bytes, next to one another. */
  reserve(bytes: number): { readonly chunk: Buffer; readonly at: number } {
    let chunk = this.#chunks.at(-1);
    if (!chunk || this.#at + bytes > chunk.length) {
      chunk = this.#open(bytes);
      this.#chunks.push(chunk);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += bytes;
    this.bytes += bytes;
    return { chunk, at };
  }

  /** @param oldest number of the chunk with the oldest bytes that are still needed */
  free(bytes: number, oldest: number): void {
    this.bytes -= bytes;
    for (; this.#first < oldest; this.#first++) this.#spare = this.#chunks.shift();
  }

  /** Frees all of them. */
  reset(): void {
    this.free(this.bytes, this.newest);
    this.#at = 0;
  }

  #open(bytes: number): Buffer {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare && spare.length >= bytes) return spare;
    // A store that holds little takes little.
    const usual = Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, this.bytes >>> 2));
    return Buffer.allocUnsafeSlow(Math.max(bytes, usual));
  }
}

const NOTHING = Buffer.alloc(0);
