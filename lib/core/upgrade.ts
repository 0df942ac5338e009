import type { Duplex, Readable } from 'node:stream';
import type { ProxyError } from './errors.js';

/** A call that requests a WebSocket, or another protocol that is taken. It ends with the head of its response. */
export interface Upgrade {
  /** The client's connection. */
  readonly socket: Duplex;
  /** The protocol, as the client has written it. */
  readonly protocol: string;
  /** The body of the request; a WebSocket's has none. */
  readonly body: Readable | undefined;
  /** Where the WebSocket is registered while it is open. */
  readonly sockets: SocketRegistry;
  /** Told if the open WebSocket is cut off. They outlive the call, so they hold no more of it than they need. */
  readonly onCut: CutListener[];
  /**
   * Hands the connection over after the response, with what the client has sent meanwhile. Without this call, the
   * connection is closed.
   */
  switchOver(start: (early: Buffer) => void): void;
  /** Releases a connection that nothing was read from or written to. */
  giveBack(): void;
  /** Called with the WebSocket when it has opened. */
  opened?: ((socket: CountedSocket) => void) | undefined;
}

/** Told of a WebSocket that is about to be cut off, and why. */
export type CutListener = (socket: OpenSocket, error: ProxyError) => void;

/** An open WebSocket, as its owner sees it. */
export interface OpenSocket {
  /** Name of the API; empty if there is none. */
  readonly api: string;
  /** Bytes received from the client, and sent to it, since it opened. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly onCut: readonly CutListener[];
  /**
   * Sends the close code 1001 (going away) to the client, as soon as a frame can be inserted.
   * @param late called after `graceMs` unless both connections have closed; the default destroys them
   */
  goAway(graceMs: number, late?: () => void): void;
  /** Destroys both connections. */
  destroy(): void;
}

/** An open WebSocket, as those who count see it. */
export interface CountedSocket extends Pick<OpenSocket, 'api' | 'bytesIn' | 'bytesOut'> {
  /** Calls back when both connections have closed. */
  onClose(listener: () => void): void;
}

/** Most WebSockets at once, those that are still being opened included; `Infinity` is no limit. */
export interface SlotLimits {
  readonly maxSockets: number;
  readonly maxSocketsPerClient: number;
}

/** Registry of open WebSockets. */
export interface SocketRegistry {
  /**
   * Takes one of an API's slots for a client's connection, which holds it until it closes, however often it is asked
   * for and whatever becomes of the API's options.
   * @returns the error if there is none
   */
  take(api: string, client: Duplex, address: string, limits: SlotLimits): ProxyError | undefined;
  /** Adds one that has opened. */
  add(socket: OpenSocket): void;
  /** Removes one that has closed. */
  delete(socket: OpenSocket): void;
}
