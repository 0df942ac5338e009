import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { exhaustedHere } from '../core/exhausted-here.js';
import { lendConnection, readConnectResponse } from './connect-response.js';
import { DialError, hungUp, late, refusedTunnel, unreachable } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';

/** The response to a CONNECT, in the form of https-proxy-agent's event. */
interface ConnectResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[] | undefined>;
}

/**
 * One connection while it is being opened: adds a time limit, and judges the proxy's response. https-proxy-agent
 * has no time limit, and goes on after a refusal.
 */
export class Dial extends EventEmitter {
  /** Rejects when this connection has failed. */
  readonly broken: Promise<never>;
  #break: (error: Error) => void = () => {};
  #hop: Socket | undefined;
  /** The proxy was told which target is meant: it may be the target that keeps the proxy waiting. */
  #requested = false;
  #inTunnel = false;
  /** Something came behind the response. */
  #more = false;
  #over = false;
  readonly #timer: NodeJS.Timeout;
  readonly #opened: (connection: Socket) => void;
  readonly #isProven: boolean;

  /**
   * @param isProven whether the proxy works
   * @param opened is told of the connection to the proxy, as soon as there is one
   */
  constructor(timeoutMs: number, isProven: boolean, opened: (connection: Socket) => void) {
    super();
    this.#isProven = isProven;
    this.#opened = opened;
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

  /** Requests the tunnel on a connection to the proxy, by a function that opens one with `net.connect()`. */
  through<T>(connection: Socket, request: () => T): T {
    this.#requested = true;
    readConnectResponse(connection, (what) => {
      if (what === 'more') this.#more = true;
      else this.fail(new DialError(`an ${what} response`, 'proxy'));
    });
    return lendConnection(connection, request);
  }

  /** A SOCKS proxy is about to be told of the target. */
  requesting(): void {
    this.#requested = true;
  }

  /** It has opened the tunnel, maybe too late. */
  tunnelled(tunnel: Socket): void {
    this.#inTunnel = true;
    this.#watch(tunnel);
    if (this.#over) tunnel.destroy();
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

  /** Reads an error of the connection to the proxy, which may have been told of the target already. */
  failedBefore(error: unknown): Error {
    const failure = unreachable(error);
    return this.#requested && this.#isProven ? hungUp(failure) : failure;
  }

  /**
   * Reads an error of TLS inside the tunnel: the target's, or of a proxy that breaks TLS. A connection that ends there
   * counts as a refusal.
   */
  failedInside(error: NodeJS.ErrnoException): unknown {
    if (exhaustedHere(error)) return error;
    const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
    return new DialError(ended ? 'closed in the tunnel' : (error.code ?? 'no TLS'), 'target', error);
  }

  /** Resolves when the TLS handshake with the target is complete. */
  secured(socket: Socket): Promise<void> {
    if (!(socket instanceof TLSSocket)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
  }

  #late(): void {
    this.fail(late(this.#requested ? 'target' : 'proxy', !this.#inTunnel));
  }

  #watch(socket: Socket): void {
    this.#hop = socket;
    this.#opened(socket);
    socket.on('error', this.#cut).on('close', this.#cut);
  }

  #responded({ statusCode, headers }: ConnectResponse): void {
    const type = String(headers['content-type'] ?? '');
    // All 2xx arrive as 200.
    if (statusCode !== 200) this.fail(refusedTunnel(statusCode));
    // A tunnel has no type: this is a captive portal, or a server that is no proxy.
    else if (/^\s*text\/html/i.test(type)) this.fail(new DialError('a page instead of a tunnel', 'proxy'));
    else if (this.#more) this.fail(new DialError('bytes before the request', 'proxy'));
    else this.#inTunnel = true;
  }

  readonly #cut = (error: unknown): void => {
    if (!this.#inTunnel) return this.fail(this.failedBefore(error));
    const cause = Object.assign(new Error('closed in the tunnel', { cause: error }), { code: 'ECONNRESET' });
    this.fail(new DialError('closed in the tunnel', 'target', cause));
  };
}
