/** Finds the heads of requests in a stream of bytes, and the ends of their bodies. */
export class RequestReader {
  readonly #head: (head: string) => void;
  #text = '';
  /** Bytes of the body that are still to come; -1 while its chunks tell. */
  #left = 0;
  #inBody = false;
  #ended: (() => void) | undefined;

  /** @param head called with each head, up to its empty line */
  constructor(head: (head: string) => void) {
    this.#head = head;
  }

  /** Calls once when the body of the last request has come. */
  onEnd(listener: () => void): void {
    if (this.#inBody) this.#ended = listener;
    else listener();
  }

  push(chunk: Buffer): void {
    // A body that has a length is only counted.
    if (this.#left > 0) {
      const taken = Math.min(this.#left, chunk.length);
      this.#left -= taken;
      if (this.#left > 0) return;
      this.#end();
      if (taken < chunk.length) this.push(chunk.subarray(taken));
      return;
    }
    this.#text += chunk.toString('latin1');
    while (this.#step());
  }

  #step(): boolean {
    return this.#inBody ? this.#chunk() : this.#begin();
  }

  #begin(): boolean {
    const at = this.#text.indexOf('\r\n\r\n');
    if (at < 0) return false;
    const head = this.#text.slice(0, at);
    this.#text = this.#text.slice(at + 4);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    this.#inBody = length > 0 || /^transfer-encoding: *chunked/im.test(head);
    this.#left = length;
    this.#head(head);
    if (length === 0) return true;
    const rest = Buffer.from(this.#text, 'latin1');
    this.#text = '';
    if (rest.length > 0) this.push(rest);
    return false;
  }

  #chunk(): boolean {
    const at = this.#text.indexOf('\r\n');
    if (at < 0) return false;
    const size = Number.parseInt(this.#text, 16);
    if (this.#text.length < at + 4 + size) return false;
    this.#text = this.#text.slice(at + 4 + size);
    if (size === 0) this.#end();
    return true;
  }

  #end(): void {
    this.#inBody = false;
    const ended = this.#ended;
    this.#ended = undefined;
    ended?.();
  }
}
