import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { DialError, refusedTunnel, unreachable } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';

/** The response to a CONNECT, in the form of https-proxy-agent's event. */
interface ConnectResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** A response to CONNECT has a few lines; a longer one is something else. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * One connection while it is being opened: adds a time limit, and judges the proxy's response. https-proxy-agent
 * has no time limit, goes on after a refusal, and buffers without bound what a proxy sends.
 */
export class Dial extends EventEmitter {
  /** Rejects when this connection has failed. */
  readonly broken: Promise<never>;
  #break: (error: Error) => void = () => {};
  #hop: Socket | undefined;
  #inTunnel = false;
  #over = false;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    super();
    this.broken = new Promise((_resolve, reject) => {
      this.#break = reject;
    });
    this.broken.catch(() => {});
    // In the next turn: after the process has stood still timers run first, and what arrived in time is still unread.
    this.#timer = setTimeout(() => setImmediate(() => this.#late()), timeoutMs);
    this.#timer.unref();
    this.once('proxyConnect', (response: ConnectResponse) => this.#responded(response));
    // TLS with the target runs on this socket, and nobody else listens for its errors.
    this.once('proxy', ({ socket }: { socket: Socket }) => socket.on('error', () => {}));
  }

  /** Stands in for the request of https-proxy-agent, which emits events on it that users must not get. */
  get request(): ClientRequest {
    // Only `emit` and `once` of it are used.
    return this as unknown as ClientRequest;
  }

  /** Opens the TCP connection to the proxy. */
  hop({ hostname, port }: ProxyAddress): Socket {
    const socket = connectTcp({ host: hostname, port, noDelay: true, keepAlive: true });
    this.#watch(socket);
    return socket;
  }

  /** Runs a function that opens a TCP connection to the proxy synchronously, and watches that connection. */
  watching<T>(run: () => T): T {
    const seen = (message: unknown): void => {
      const { socket } = message as { socket: Socket };
      this.#watch(socket);
      socket.on('readable', this.#measure);
    };
    // The agent hands out its socket only after the proxy has responded.
    subscribe('net.client.socket', seen);
    try {
      return run();
    } finally {
      unsubscribe('net.client.socket', seen);
    }
  }

  /** The connection is open. */
  done(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#hop?.off('close', this.#cut);
  }

  fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#break(error);
    this.#hop?.destroy();
  }

  /** Reads an error inside the tunnel: a connection that ends there counts as a refusal. */
  failedInside(error: NodeJS.ErrnoException): unknown {
    const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
    return ended ? new DialError('closed in the tunnel', 'target', error) : error;
  }

  /** Resolves when the TLS handshake with the target is complete. */
  secured(socket: Socket): Promise<void> {
    if (!(socket instanceof TLSSocket)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
  }

  #late(): void {
    this.fail(new DialError('no connection in time', this.#inTunnel ? 'target' : 'proxy'));
  }

  #watch(socket: Socket): void {
    this.#hop = socket;
    socket.on('error', this.#cut).on('close', this.#cut);
  }

  #responded({ statusCode, headers }: ConnectResponse): void {
    this.#hop?.off('readable', this.#measure);
    const type = String(headers['content-type'] ?? '');
    if (statusCode !== 200) this.fail(refusedTunnel(statusCode));
    // A tunnel has no type: this is a captive portal, or a server that is no proxy.
    else if (/^\s*text\/html/i.test(type)) this.fail(new DialError('a page instead of a tunnel', 'proxy'));
    else this.#inTunnel = true;
  }

  readonly #cut = (error: unknown): void => {
    this.fail(this.#inTunnel ? new DialError('closed in the tunnel', 'target', error) : unreachable(error));
  };

  readonly #measure = (): void => {
    if ((this.#hop?.bytesRead ?? 0) > MAX_RESPONSE_BYTES) {
      this.fail(new DialError('an endless response', 'proxy'));
    }
  };
}
