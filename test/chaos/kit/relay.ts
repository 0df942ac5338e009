import { connect, createServer, type Socket } from 'node:net';
import { onCleanup } from '../../support/cleanup.js';
import { type Connections, listening } from '../../support/listening.js';

/** What a relay does to a connection. */
export type RelayFault =
  /** Each piece of data arrives later by so much, in both directions. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** No byte arrives from here on, in either direction, and the connection stays open: packets are lost. */
  | { readonly kind: 'blackHole' }
  /** Reset once so many bytes have come from the server; 0 is at once. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** The server's bytes arrive, the client's are swallowed: half-open. */
  | { readonly kind: 'halfOpen' }
  /** Both directions have so many bytes a second each. */
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number };

/** A fault, and the share of connections that it strikes, from 0 to 1. They are struck in turn, so that it is exact. */
export type SharedFault = RelayFault & { readonly share?: number };

/** A relay of TCP connections in front of a server, which can be disturbed while it runs. */
export interface Relay {
  readonly port: number;
  readonly url: string;
  readonly connections: Connections;
  /** Port of the server that new connections lead to; may be changed. */
  target: number;
  /** Faults of connections that are opened from now on. Of several that would strike one, the first does. */
  strike(faults: readonly SharedFault[]): void;
  /** The same, and for the connections that are open too. */
  strikeAll(faults: readonly SharedFault[]): void;
  /** Resets all open connections. */
  resetAll(): void;
}

/** Starts one on a free port of loopback; it ends with the scene. */
export async function startRelay(target: number): Promise<Relay> {
  const pairs = new Set<Pair>();
  let choose = chooser([]);
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const pair = new Pair(client, relay.target, choose());
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
  });
  onCleanup(() => {
    for (const pair of pairs) pair.end();
  });
  const { port, connections } = await listening(server);
  const relay: Relay = {
    port,
    url: `http://127.0.0.1:${port}`,
    connections,
    target,
    strike(faults) {
      choose = chooser(faults);
    },
    strikeAll(faults) {
      choose = chooser(faults);
      for (const pair of pairs) pair.strike(choose());
    },
    resetAll() {
      for (const pair of pairs) pair.end();
    },
  };
  return relay;
}

/** The fault of each connection in turn. */
function chooser(faults: readonly SharedFault[]): () => RelayFault | undefined {
  const lanes = faults.map((fault) => ({ fault, share: fault.share ?? 1, owed: 0 }));
  return () => {
    for (const lane of lanes) lane.owed += lane.share;
    // A sum of shares is a little less than it should be.
    const struck = lanes.find(({ owed }) => owed > 1 - 1e-9);
    if (struck) struck.owed--;
    return struck?.fault;
  };
}

/** A client's connection and the one to the server. */
class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  #fault: RelayFault | undefined;
  #fromServer = 0;

  constructor(client: Socket, target: number, fault: RelayFault | undefined) {
    this.#client = client;
    this.#fault = fault;
    this.#server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, this.#server]) socket.setNoDelay(true).on('error', () => {});
    this.#carry(client, this.#server, () => this.#fault?.kind === 'halfOpen');
    this.#carry(this.#server, client, () => false);
    client.once('close', () => this.#server.destroy());
    this.#server.once('close', () => {
      // What a black hole has swallowed is not known to the client either.
      if (this.#fault?.kind !== 'blackHole' && this.#fault?.kind !== 'halfOpen') client.destroy();
    });
    this.strike(fault);
  }

  strike(fault: RelayFault | undefined): void {
    this.#fault = fault;
    if (fault?.kind === 'reset' && fault.afterBytes <= this.#fromServer) this.end();
  }

  end(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  #carry(from: Socket, to: Socket, isSwallowed: () => boolean): void {
    let free = 0;
    const later = (bytes: number, act: () => void): void => {
      const delay = this.#delay(bytes, free);
      if (delay === undefined) return act();
      const at = Math.max(free, performance.now() + delay);
      free = at;
      setTimeout(act, at - performance.now());
    };
    from.on('data', (chunk: Buffer) => {
      if (this.#fault?.kind === 'blackHole' || isSwallowed()) return;
      if (from === this.#server && this.#cutOff(chunk)) return;
      later(chunk.length, () => {
        if (!to.writable || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
      // What is on its way is bounded, as a socket's buffer is.
      if (this.#fault?.kind === 'bandwidth' && free - performance.now() > 100) {
        from.pause();
        setTimeout(() => from.resume(), free - performance.now());
      }
    });
    from.on('end', () => {
      if (this.#fault?.kind === 'blackHole' || isSwallowed()) return;
      later(0, () => to.end());
    });
  }

  /** Time until a piece has arrived; `undefined` for at once. */
  #delay(bytes: number, free: number): number | undefined {
    const now = performance.now();
    if (this.#fault?.kind === 'latency') return this.#fault.ms;
    if (this.#fault?.kind === 'bandwidth')
      return Math.max(0, free - now) + (bytes * 1000) / this.#fault.bytesPerSecond;
    // What was sent before arrives before.
    return free > now ? free - now : undefined;
  }

  /** Whether the connection is reset with this piece; what is due before arrives. */
  #cutOff(chunk: Buffer): boolean {
    const before = this.#fromServer;
    this.#fromServer += chunk.length;
    if (this.#fault?.kind !== 'reset' || this.#fromServer < this.#fault.afterBytes) return false;
    const rest = chunk.subarray(0, Math.max(0, this.#fault.afterBytes - before));
    this.#client.write(rest, () => this.end());
    return true;
  }
}
