/** Docker and others split lines at 16 KiB; what is written at once may hold several of those. */
const CHUNK_BYTES = 64 * 1024;

interface Chunk {
  readonly buffer: Buffer;
  /** What was taken of it. */
  from: number;
  to: number;
}

/**
 * Lines that wait for being written, as bytes: a string that was put together from pieces takes several times its
 * length, and what waits shall have an exact bound.
 */
export class LogBuffer {
  readonly #maxBytes: number;
  readonly #chunks: Chunk[] = [];
  #allocated = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Memory that is held for lines that wait. */
  get bytes(): number {
    const only = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    return only ? only.to - only.from : this.#allocated;
  }

  get isHalfEmpty(): boolean {
    return this.bytes <= this.#maxBytes / 2;
  }

  /** @returns whether there was room */
  add(lines: string | Buffer): boolean {
    const bytes = Buffer.byteLength(lines);
    const chunk = this.#roomFor(bytes);
    if (!chunk) return false;
    if (typeof lines === 'string') chunk.buffer.write(lines, chunk.to);
    else lines.copy(chunk.buffer, chunk.to);
    chunk.to += bytes;
    return true;
  }

  #roomFor(bytes: number): Chunk | undefined {
    const last = this.#chunks.at(-1);
    if (last && last.buffer.length - last.to >= bytes) return last;
    const size = Math.max(CHUNK_BYTES, bytes);
    if (this.#allocated + size > this.#maxBytes) return undefined;
    const chunk = { buffer: Buffer.allocUnsafeSlow(size), from: 0, to: 0 };
    this.#allocated += size;
    this.#chunks.push(chunk);
    return chunk;
  }

  /** The bytes that are to be written next; they stay until they are taken. */
  next(): Buffer | undefined {
    const [first] = this.#chunks;
    return first && first.to > first.from ? first.buffer.subarray(first.from, first.to) : undefined;
  }

  /** Removes bytes from the front of what is next. */
  take(bytes: number): void {
    const [first] = this.#chunks;
    if (!first) return;
    first.from += bytes;
    if (first.from < first.to) return;
    if (this.#chunks.length > 1 || first.buffer.length > CHUNK_BYTES) {
      this.#chunks.shift();
      this.#allocated -= first.buffer.length;
    } else {
      first.from = 0;
      first.to = 0;
    }
  }

  /** Removes all. @returns how many lines that were */
  clear(): number {
    let lines = 0;
    for (let next = this.next(); next; next = this.next()) {
      for (let at = next.indexOf('\n'); at >= 0; at = next.indexOf('\n', at + 1)) lines++;
      this.take(next.length);
    }
    return lines;
  }
}
