import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { realTime, type StopTimer, type Time } from '../../core/time.js';
import type { CountedSocket, CutListener, OpenSocket, SocketRegistry } from '../../core/upgrade.js';
import { FrameBoundary } from './frame-boundary.js';

/** The two ends of a {@link Tunnel}. */
export interface TunnelEnds {
  /** Name of the API. */
  readonly api: string;
  readonly client: Duplex;
  readonly target: Duplex;
  readonly sockets: SocketRegistry;
  /** Told if it is cut off. */
  readonly onCut?: readonly CutListener[];
  readonly limits?: TunnelLimits;
  /** It is no WebSocket: there are no frames, and an end that sends no more may still receive. */
  readonly raw?: boolean;
}

/** How long a WebSocket may be open; `Infinity` is no limit. */
export interface TunnelLimits {
  /** Without a byte in either direction. */
  readonly socketIdleMs: number;
  readonly socketAgeMs: number;
}

const NO_LIMITS: TunnelLimits = Object.freeze({
  socketIdleMs: Number.POSITIVE_INFINITY,
  socketAgeMs: Number.POSITIVE_INFINITY,
});

/** Time for the other end to close once one has closed. */
const LINGER_MS = 5000;
/** How often within its limit an idle one is looked at, rather than at each chunk. */
const IDLE_CHECKS = 4;
const KEEP_ALIVE_MS = 60_000;

/** Close code 1001, going away (RFC 6455 §7.4.1). A server's frames are not masked. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

/**
 * Pipes both ends of a WebSocket into each other with back-pressure; when one end closes, the other is closed too.
 */
export class Tunnel implements OpenSocket, CountedSocket {
  readonly api: string;
  readonly onCut: readonly CutListener[];
  readonly #client: Duplex;
  readonly #target: Duplex;
  readonly #sockets: SocketRegistry;
  readonly #frames = new FrameBoundary();
  readonly #readBefore: number;
  readonly #writtenBefore: number;
  readonly #time: Time;
  readonly #raw: boolean;
  #linger: StopTimer | undefined;
  #age: StopTimer | undefined;
  #idle: StopTimer | undefined;
  #leaving = false;
  #openEnds = 2;
  #onClose: (() => void)[] | undefined;

  /**
   * @param early what the client sent before it had a response
   * @param time for tests
   */
  constructor(
    { api, client, target, sockets, onCut = [], limits = NO_LIMITS, raw = false }: TunnelEnds,
    early: Buffer,
    time: Time = realTime,
  ) {
    this.api = api;
    this.onCut = onCut;
    this.#time = time;
    this.#raw = raw;
    this.#client = client;
    this.#target = target;
    this.#sockets = sockets;
    this.#readBefore = bytesOf(client).read - early.length;
    this.#writtenBefore = bytesOf(client).written;
    sockets.add(this);
    this.#limit(limits);
    if (early.length > 0) target.write(early);
    if (!raw) target.on('data', this.#follow);
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

  onClose(listener: () => void): void {
    if (this.#openEnds === 0) return listener();
    this.#onClose ??= [];
    this.#onClose.push(listener);
  }

  goAway(graceMs: number, late?: () => void): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#endWithin(graceMs, late);
    if (this.#raw) return;
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

  #limit({ socketIdleMs, socketAgeMs }: TunnelLimits): void {
    const leave = (): void => (this.#raw ? this.destroy() : this.goAway(LINGER_MS));
    if (socketAgeMs !== Number.POSITIVE_INFINITY) this.#age = this.#time.after(socketAgeMs, leave);
    if (socketIdleMs === Number.POSITIVE_INFINITY) return;
    let seen = -1;
    let since = 0;
    this.#idle = this.#time.every(socketIdleMs / IDLE_CHECKS, () => {
      const moved = this.bytesIn + this.bytesOut;
      const now = this.#time.steady();
      if (moved !== seen) {
        seen = moved;
        since = now;
      } else if (now - since >= socketIdleMs) leave();
    });
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
      if (!this.#raw || end.closed) this.#endWithin(LINGER_MS);
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

  #endWithin(ms: number, late = (): void => this.destroy()): void {
    if (this.#linger || this.#openEnds === 0) return;
    this.#linger = this.#time.after(ms, late);
  }

  #closed(): void {
    this.#linger?.();
    this.#age?.();
    this.#idle?.();
    this.#sockets.delete(this);
    for (const told of this.#onClose ?? []) told();
  }
}

function bytesOf(end: Duplex): { read: number; written: number } {
  return end instanceof Socket ? { read: end.bytesRead, written: end.bytesWritten } : { read: 0, written: 0 };
}
