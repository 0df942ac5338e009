/** A chunk that is smaller costs more to keep by itself than its bytes do: a `Buffer` of one byte takes hundreds. */
const SMALL_BYTES = 512;
const LEAST_BLOCK_BYTES = 1024;
const MOST_BLOCK_BYTES = 16 * 1024;

/**
 * Chunks that are kept, small ones joined: otherwise whoever sends a body byte by byte would have us keep hundreds of times
 * of what the limits count. A body of few chunks is not copied.
 */
export class KeptChunks {
  /** All bytes. */
  length = 0;
  readonly #chunks: Buffer[] = [];
  /** Small chunks that follow those, joined. */
  #block: Buffer | undefined;
  #used = 0;

  add(chunk: Buffer): void {
    this.length += chunk.length;
    const block = this.#block;
    if (block && this.#used + chunk.length <= block.length) this.#join(block, chunk);
    else if (chunk.length < SMALL_BYTES && (block || this.#endsSmall())) this.#open(block, chunk);
    else {
      this.#close();
      this.#chunks.push(chunk);
    }
  }

  /** All of them, in order, and fewer than were added where these were small. They stay as they are when more is added. */
  list(): readonly Buffer[] {
    return this.#block ? [...this.#chunks, this.#block.subarray(0, this.#used)] : this.#chunks.slice();
  }

  /** All of them in one. */
  whole(): Buffer {
    const chunks = this.list();
    const [first] = chunks;
    return first && chunks.length === 1 ? first : Buffer.concat(chunks, this.length);
  }

  #endsSmall(): boolean {
    return (this.#chunks.at(-1)?.length ?? SMALL_BYTES) < SMALL_BYTES;
  }

  #open(full: Buffer | undefined, chunk: Buffer): void {
    this.#close();
    const first = full ? undefined : this.#chunks.pop();
    const bytes = Math.min(MOST_BLOCK_BYTES, full ? full.length * 2 : LEAST_BLOCK_BYTES);
    const block = Buffer.allocUnsafeSlow(bytes);
    this.#block = block;
    if (first) this.#join(block, first);
    this.#join(block, chunk);
  }

  #join(block: Buffer, chunk: Buffer): void {
    block.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  #close(): void {
    if (this.#block) this.#chunks.push(this.#block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}
