import type { Socket } from 'node:net';
import type { EgressProxyStatus } from '../core/egress-status.js';

/** Weight of the newest in the moving average of latencies. */
const NEWEST = 0.1;

const GIGABYTE = 1e9;

/** Which figures of a proxy are counted here. */
export type Figures = Pick<
  EgressProxyStatus,
  'successes' | 'latencyMs' | 'bans' | 'bytesSent' | 'bytesReceived' | 'cost'
>;

/** What has gone through one proxy. */
export class Tally {
  successes = 0;
  bans = 0;
  #latencyMs: number | undefined;
  #sent = 0;
  #received = 0;
  /** Open connections: their bytes are counted where somebody asks, which costs calls nothing. */
  #open: Set<Socket> | undefined;

  /** Forgets all of it; open connections are counted from their beginning again. */
  reset(): void {
    this.successes = 0;
    this.bans = 0;
    this.#latencyMs = undefined;
    this.#sent = 0;
    this.#received = 0;
  }

  /** @param durationMs up to the head of the response */
  succeeded(durationMs: number): void {
    this.successes++;
    this.#latencyMs =
      this.#latencyMs === undefined ? durationMs : this.#latencyMs + NEWEST * (durationMs - this.#latencyMs);
  }

  /** Counts the bytes of a connection from its beginning to its end, TLS and the request for a tunnel included. */
  watch(socket: Socket): void {
    this.#open ??= new Set();
    const open = this.#open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      this.#sent += socket.bytesWritten;
      this.#received += socket.bytesRead;
    });
  }

  figures(costPerGb: number | undefined): Figures {
    let bytesSent = this.#sent;
    let bytesReceived = this.#received;
    for (const socket of this.#open ?? []) {
      bytesSent += socket.bytesWritten;
      bytesReceived += socket.bytesRead;
    }
    return {
      successes: this.successes,
      latencyMs: this.#latencyMs,
      bans: this.bans,
      bytesSent,
      bytesReceived,
      cost: costPerGb === undefined ? undefined : ((bytesSent + bytesReceived) / GIGABYTE) * costPerGb,
    };
  }
}
