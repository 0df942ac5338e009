import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { realTime, type StopTimer, type Time } from '../../core/time.js';
import type { OpenSocket, SocketRegistry } from '../../core/upgrade.js';
import { FrameBoundary } from './frame-boundary.js';

/** The two ends of a {@link Tunnel}. */
export interface TunnelEnds {
  /** Name of the API. */
  readonly api: string;
  readonly client: Duplex;
  readonly target: Duplex;
  readonly sockets: SocketRegistry;
}

/** Time for the other end to close once one has closed, and for a client that got a close frame. */
const LINGER_MS = 5000;
const KEEP_ALIVE_MS = 60_000;

/** Close code 1001, going away (RFC 6455 §7.4.1). A server's frames are not masked. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

/**
 * Pipes both ends of a WebSocket into each other with back-pressure; when one end closes, the other is closed too.
 */
export class Tunnel implements OpenSocket {
  readonly api: string;
  readonly #client: Duplex;
  readonly #target: Duplex;
  readonly #sockets: SocketRegistry;
  readonly #frames = new FrameBoundary();
  readonly #readBefore: number;
  readonly #writtenBefore: number;
  readonly #time: Time;
  #linger: StopTimer | undefined;
  #leaving = false;
  #openEnds = 2;

  /**
   * @param early what the client sent before it had a response
   * @param time for tests
   */
  constructor({ api, client, target, sockets }: TunnelEnds, early: Buffer, time: Time = realTime) {
    this.api = api;
    this.#time = time;
    this.#client = client;
    this.#target = target;
    this.#sockets = sockets;
    this.#readBefore = bytesOf(client).read - early.length;
    this.#writtenBefore = bytesOf(client).written;
    sockets.add(this);
    if (early.length > 0) target.write(early);
    target.on('data', this.#follow);
    client.pipe(target);
    target.pipe(client);
    // After the pipes' own listeners, which leave an end paused if the other end is closed.
    this.#watch(client, target);
    this.#watch(target, client);
  }

  get bytesIn(): number {
    return bytesOf(this.#client).read - this.#readBefore;
  }

  get bytesOut(): number {
    return bytesOf(this.#client).written - this.#writtenBefore;
  }

  goAway(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#endSoon();
    // Frames of the target from here on would follow the last frame.
    this.#target.unpipe(this.#client).off('data', this.#follow);
    if (this.#frames.between) this.#sayGoodbye();
    else this.#target.on('data', this.#finishFrame);
    this.#target.resume();
  }

  destroy(): void {
    this.#client.destroy();
    this.#target.destroy();
  }

  readonly #follow = (chunk: Buffer): void => {
    this.#frames.push(chunk);
  };

  readonly #finishFrame = (chunk: Buffer): void => {
    const end = this.#frames.push(chunk);
    const flows = this.#client.write(end < 0 ? chunk : chunk.subarray(0, end));
    if (end >= 0) {
      this.#target.off('data', this.#finishFrame).resume();
      this.#sayGoodbye();
    } else if (!flows) {
      this.#target.pause();
      this.#client.once('drain', () => this.#target.resume());
    }
  };

  #sayGoodbye(): void {
    if (!this.#frames.closing && this.#client.writable) this.#client.write(GOING_AWAY);
  }

  #watch(end: Duplex, other: Duplex): void {
    if (end instanceof Socket) {
      end.setTimeout(0);
      end.setNoDelay(true);
      end.setKeepAlive(true, KEEP_ALIVE_MS);
    }
    end.on('error', () => {});
    const ended = (): void => {
      other.end();
      this.#endSoon();
    };
    const closed = (): void => {
      if (--this.#openEnds === 0) this.#closed();
      // What it sent before it ended may still be on its way to the other end, whose own `end` is only emitted if it
      // is read.
      else if (end.readableEnded) {
        ended();
        other.resume();
      } else other.destroy();
    };
    end.once('end', ended);
    if (end.closed) closed();
    else end.once('close', closed);
  }

  #endSoon(): void {
    if (this.#linger || this.#openEnds === 0) return;
    this.#linger = this.#time.after(LINGER_MS, () => this.destroy());
  }

  #closed(): void {
    this.#linger?.();
    this.#sockets.delete(this);
  }
}

function bytesOf(end: Duplex): { read: number; written: number } {
  return end instanceof Socket ? { read: end.bytesRead, written: end.bytesWritten } : { read: 0, written: 0 };
}
