import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Exchange, knownExchange } from '../core/exchange.js';
import { endEventStream, isEventStream } from './event-streams.js';

/** The responses in progress, and how they say that the gateway is leaving. */
export class OpenResponses {
  /**
   * Those of calls, each at the place that its call remembers. A set that gains and loses an entry with each call makes
   * itself a new table again and again, and what it leaves behind keeps every call alive until a full collection.
   */
  readonly #calls: Exchange[] = [];
  /** The others, with the time of their begin on the clock of `performance.now()`. */
  readonly #others = new Map<ServerResponse, number>();
  /** Event streams that are being ended. */
  readonly #ending = new WeakSet<ServerResponse>();
  /** The response of each connection that says `Connection: close`. */
  readonly #last = new WeakMap<Socket, ServerResponse>();

  addCall(exchange: Exchange): void {
    exchange.place = this.#calls.push(exchange) - 1;
  }

  deleteCall(exchange: Exchange): void {
    const last = this.#calls.pop();
    if (!last || last === exchange) return;
    last.place = exchange.place;
    this.#calls[exchange.place] = last;
  }

  add(res: ServerResponse): void {
    this.#others.set(res, performance.now());
    res.once('close', () => this.#others.delete(res));
  }

  /** In the order in which they began, which is that of the requests on a connection. */
  [Symbol.iterator](): Iterator<ServerResponse> {
    const calls = this.#calls.map(({ res, startedAt }) => [res, startedAt] as const);
    const all = [...calls, ...this.#others].sort(([, a], [, b]) => a - b);
    return all.map(([res]) => res).values();
  }

  /** Whether one was written in full that its client has not taken yet: Node counts its connection as idle. */
  get flushing(): boolean {
    for (const { writableEnded, destroyed, socket } of this) {
      // One that waits behind another on its connection has no socket yet.
      if (writableEnded && !destroyed && socket) return true;
    }
    return false;
  }

  /** Ends the event streams that have begun, each behind its current event. */
  endEventStreams(): void {
    for (const res of this) {
      if (this.#ending.has(res)) continue;
      const exchange = knownExchange(res.req);
      if (!exchange || !isEventStream(exchange)) continue;
      this.#ending.add(res);
      endEventStream(res);
    }
  }

  /** Makes the last response on each connection say `Connection: close`, as far as its head has not been sent. */
  leave(): void {
    for (const res of this) if (!res.headersSent) this.sayClose(res);
  }

  /**
   * Makes a response say `Connection: close`. One that is still to be sent before it on the same connection (pipelining)
   * no longer does: the connection would end with that one.
   * @returns `false` if an earlier response has said so already: the request must not be served (RFC 9112 §9.6)
   */
  sayClose(res: ServerResponse): boolean {
    const { socket } = res.req;
    const before = this.#last.get(socket);
    if (before?.headersSent) return false;
    if (before) before.shouldKeepAlive = true;
    res.shouldKeepAlive = false;
    this.#last.set(socket, res);
    return true;
  }
}
