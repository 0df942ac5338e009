import type { Duplex } from 'node:stream';
import type { ProxyError } from '../core/errors.js';
import type { OpenSocket, SlotLimits, SocketRegistry } from '../core/upgrade.js';
import { SocketSlots } from './socket-slots.js';

/** Counts of one API: open WebSockets, and the bytes of all, closed ones included. */
export interface SocketCounts {
  readonly open: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Time to close for one that opens when it is late. */
const LATE_MS = 1000;
const MAX_APIS = 1000;
const OTHER = 'other';

interface ApiSockets {
  readonly open: Set<OpenSocket>;
  readonly slots: SocketSlots;
  bytesIn: number;
  bytesOut: number;
}

/** All open WebSockets by API, to count and to close them. */
export class OpenSockets implements SocketRegistry {
  readonly #apis = new Map<string, ApiSockets>();
  /** On the clock of `performance.now()`; `undefined` until it is closed. */
  #leavesAt: number | undefined;
  #whenEmpty: (() => void) | undefined;

  take(api: string, client: Duplex, address: string, limits: SlotLimits): ProxyError | undefined {
    return this.#of(api).slots.take(client, address, limits);
  }

  /** Adds one that has opened. */
  add(socket: OpenSocket): void {
    this.#of(socket.api).open.add(socket);
    if (this.#leavesAt !== undefined) socket.goAway(Math.max(LATE_MS, this.#leavesAt - performance.now()));
  }

  /** Removes one that has closed, and keeps its byte counts. */
  delete(socket: OpenSocket): void {
    const api = this.#of(socket.api);
    if (!api.open.delete(socket)) return;
    api.bytesIn += socket.bytesIn;
    api.bytesOut += socket.bytesOut;
    if (this.size === 0) this.#whenEmpty?.();
  }

  /** How many are open. */
  get size(): number {
    let size = 0;
    for (const { open } of this.#apis.values()) size += open.size;
    return size;
  }

  /** Counts by API; takes a look at each open WebSocket. */
  counts(): [api: string, counts: SocketCounts][] {
    return [...this.#apis].map(([api, { open, ...closed }]) => {
      let { bytesIn, bytesOut } = closed;
      for (const socket of open) {
        bytesIn += socket.bytesIn;
        bytesOut += socket.bytesOut;
      }
      return [api, { open: open.size, bytesIn, bytesOut }];
    });
  }

  /**
   * Sends every client the close code 1001 (going away). WebSockets that have not closed after `graceMs`, and those
   * opened meanwhile, are destroyed.
   */
  async close(graceMs: number): Promise<void> {
    this.#leavesAt = performance.now() + graceMs;
    const all = () => [...this.#apis.values()].flatMap(({ open }) => [...open]);
    if (this.size === 0) return;
    for (const socket of all()) socket.goAway(graceMs);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of all()) socket.destroy();
        resolve();
      }, graceMs);
      const before = this.#whenEmpty;
      this.#whenEmpty = () => {
        clearTimeout(timer);
        before?.();
        resolve();
      };
    });
  }

  #of(name: string): ApiSockets {
    const known = this.#apis.get(name);
    if (known) return known;
    if (this.#apis.size >= MAX_APIS && name !== OTHER) return this.#of(OTHER);
    const fresh = { open: new Set<OpenSocket>(), slots: new SocketSlots(), bytesIn: 0, bytesOut: 0 };
    this.#apis.set(name, fresh);
    return fresh;
  }
}
