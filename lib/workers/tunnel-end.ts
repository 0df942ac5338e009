import { Duplex } from 'node:stream';

/** What goes through a tunnel. `ack`: the other end has room for more. */
export type TunnelStep = 'open' | 'data' | 'ack' | 'end' | 'close';

/** A message of one tunnel. */
export type TunnelMessage = readonly [tunnel: number, step: TunnelStep, data?: Uint8Array | string];

/** One end of a connection through the channel between two processes. */
export class TunnelEnd extends Duplex {
  /** Address of the client that it is for. */
  readonly remoteAddress: string | undefined;
  readonly #send: (step: TunnelStep, data?: Uint8Array) => void;
  #acknowledged: (() => void) | undefined;
  #owesAck = false;

  constructor(send: (step: TunnelStep, data?: Uint8Array) => void, remoteAddress?: string) {
    super();
    this.#send = send;
    this.remoteAddress = remoteAddress;
  }

  /** Takes what the other end sent. */
  receive(step: TunnelStep, data: Uint8Array | string | undefined): void {
    if (step === 'ack') {
      const done = this.#acknowledged;
      this.#acknowledged = undefined;
      done?.();
    } else if (step === 'end') this.push(null);
    else if (step === 'close') this.destroy();
    else if (step === 'data' && this.push(data)) this.#send('ack');
    else this.#owesAck = true;
  }

  override _read(): void {
    if (!this.#owesAck) return;
    this.#owesAck = false;
    this.#send('ack');
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#acknowledged = done;
    this.#send('data', Buffer.concat(chunks.map(({ chunk }) => chunk)));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send('end');
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#send('close');
    done(error);
  }
}
