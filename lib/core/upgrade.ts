import type { Duplex } from 'node:stream';

/** A call that asks for its connection to become a WebSocket. It ends with the head of its answer. */
export interface Upgrade {
  /** The client's connection. */
  readonly socket: Duplex;
  /** Where a WebSocket is entered while it is open. */
  readonly sockets: SocketRegistry;
  /** Hands the connection on behind the answer, with what the client has sent meanwhile; without it, it is closed. */
  switchOver(start: (early: Buffer) => void): void;
  /** Lets go of a connection that nothing was read from and nothing written to. */
  giveBack(): void;
}

/** A WebSocket that is open, as its owner sees it. */
export interface OpenSocket {
  /** Name of the API; empty where there is none. */
  readonly api: string;
  /** Bytes that came from the client, and went to it, since it was opened. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Tells the client that the server goes away, as soon as a frame may be put in. */
  goAway(): void;
  /** Cuts both ends off. */
  destroy(): void;
}

/** Where WebSockets are entered while they are open. */
export interface SocketRegistry {
  /** Enters one that has opened. */
  add(socket: OpenSocket): void;
  /** Takes out one that has closed. */
  delete(socket: OpenSocket): void;
}
