import type { Duplex } from 'node:stream';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import type { OpenSocket, SlotLimits, SocketRegistry } from '../core/upgrade.js';
import { warnOf } from '../core/warning.js';
import { SocketSlots } from './socket-slots.js';

/** Counts of one API: open WebSockets, and the bytes of all, closed ones included. */
export interface SocketCounts {
  readonly open: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Those that were destroyed since they had not closed in time after the close code 1001. */
  readonly cut: number;
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
  cut: number;
}

/** All open WebSockets by API, to count and to close them. */
export class OpenSockets implements SocketRegistry {
  readonly #apis = new Map<string, ApiSockets>();
  /** On the clock of `performance.now()`; `undefined` until it is closed. */
  #leavesAt: number | undefined;
  readonly #cutOff = new WeakSet<OpenSocket>();
  #whenEmpty: (() => void) | undefined;

  /** Begins to count these APIs: with a series at 0, a scraper sees the first event as one. */
  know(apis: readonly string[]): void {
    for (const api of apis) this.#of(api);
  }

  take(api: string, client: Duplex, address: string, limits: SlotLimits): ProxyError | undefined {
    return this.#of(api).slots.take(client, address, limits);
  }

  /** Adds one that has opened. */
  add(socket: OpenSocket): void {
    this.#of(socket.api).open.add(socket);
    if (this.#leavesAt === undefined) return;
    this.#sendAway(socket, Math.max(LATE_MS, this.#leavesAt - performance.now()));
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
      return [api, { open: open.size, bytesIn, bytesOut, cut: closed.cut }];
    });
  }

  /**
   * Sends every client the close code 1001 (going away). WebSockets that have not closed after `graceMs`, and those
   * opened meanwhile, are destroyed.
   */
  async close(graceMs: number): Promise<void> {
    this.#leavesAt = performance.now() + graceMs;
    const all = () => [...this.#apis.values()].flatMap(({ open }) => [...open]);
    for (const socket of all()) this.#sendAway(socket, graceMs);
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of all()) this.#cut(socket);
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

  #sendAway(socket: OpenSocket, graceMs: number): void {
    socket.goAway(graceMs, () => this.#cut(socket));
  }

  #cut(socket: OpenSocket): void {
    if (this.#cutOff.has(socket)) return;
    this.#cutOff.add(socket);
    this.#of(socket.api).cut++;
    const error = shuttingDown('A WebSocket was cut off: its client did not close it in time');
    for (const listener of socket.onCut) {
      try {
        listener(socket, error);
      } catch (thrown) {
        warnOf('Listener', 'A listener of a WebSocket failed', thrown);
      }
    }
    socket.destroy();
  }

  #of(name: string): ApiSockets {
    const known = this.#apis.get(name);
    if (known) return known;
    if (this.#apis.size >= MAX_APIS && name !== OTHER) return this.#of(OTHER);
    const fresh = { open: new Set<OpenSocket>(), slots: new SocketSlots(), bytesIn: 0, bytesOut: 0, cut: 0 };
    this.#apis.set(name, fresh);
    return fresh;
  }
}
