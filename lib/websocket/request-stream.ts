import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** What ends a body of chunks that has no trailers (RFC 9112 §7.1). */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Bytes as a chunk. */
export const chunkOf = (bytes: Buffer): Buffer[] => [
  Buffer.from(`${bytes.length.toString(16)}\r\n`),
  bytes,
  Buffer.from('\r\n'),
];

/**
 * A connection whose next bytes are a request that was begun to be read: its head as given, then its body, framed as it
 * came, then what follows. From 26 on, Node offers an upgrade before it has read the request's body.
 */
export class RequestStream extends Duplex {
  readonly #req: IncomingMessage;
  readonly #rest: Duplex;
  readonly #chunked: boolean;

  /**
   * @param head of the request, with the empty line that ends it
   * @param rest what follows the body; all that is written goes there
   */
  constructor(req: IncomingMessage, head: Buffer, rest: Duplex) {
    super();
    this.#req = req;
    this.#rest = rest;
    this.#chunked = req.headers['transfer-encoding'] !== undefined;
    this.push(head);
    req.on('data', (chunk: Buffer) => {
      if (!this.#pushBody(chunk)) req.pause();
    });
    req.once('end', () => {
      if (this.#chunked) this.push(LAST_CHUNK);
      rest.on('data', (chunk: Buffer) => {
        if (!this.push(chunk)) rest.pause();
      });
    });
    rest.on('end', () => this.push(null));
    rest.on('error', (error) => this.destroy(error)).on('close', () => this.destroy());
  }

  // What a server and its handlers look at.
  get remoteAddress(): string | undefined {
    return this.#req.socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#req.socket.remotePort;
  }

  get encrypted(): boolean {
    return this.#req.socket instanceof TLSSocket;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    if (!this.#req.readableEnded) this.#req.resume();
    else this.#rest.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#rest.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#rest.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#rest.destroy();
    done(error);
  }

  #pushBody(chunk: Buffer): boolean {
    return this.push(this.#chunked ? Buffer.concat(chunkOf(chunk)) : chunk);
  }
}
