import { Readable } from 'node:stream';

/** The body of a request that offers an upgrade, where Node leaves it to be read from the connection. */
export class OfferBody extends Readable {
  readonly #wanted: () => void;
  #left: number;

  /**
   * @param bytes its length
   * @param wanted called when more of it can be taken
   */
  constructor(bytes: number, wanted: () => void) {
    super();
    this.#left = bytes;
    this.#wanted = wanted;
  }

  /** Takes what belongs to it. @returns what follows it */
  fill(chunk: Buffer): Buffer {
    if (this.#left === 0) return chunk;
    const own = chunk.subarray(0, this.#left);
    this.#left -= own.length;
    this.push(own);
    if (this.#left === 0) this.push(null);
    return chunk.subarray(own.length);
  }

  /** It holds as much as it may. */
  get full(): boolean {
    return this.#left > 0 && this.readableLength >= this.readableHighWaterMark;
  }

  override _read(): void {
    this.#wanted();
  }
}
