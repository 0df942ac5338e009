import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ProxyError } from '../core/errors.js';
import { DialError, refusedTunnel, unreachable } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';

/** The answer to a CONNECT as https-proxy-agent tells it. */
interface ConnectResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** An answer to CONNECT has a few lines; what is longer is no answer to it. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * One connection while it is opened: its time limit, and what the proxy says. https-proxy-agent has neither,
 * goes on after a refusal, and keeps what a proxy sends without a bound.
 */
export class Dial extends EventEmitter {
  /** Rejects when this dial has failed. */
  readonly broken: Promise<never>;
  #break: (error: ProxyError) => void = () => {};
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
    this.#timer = setTimeout(() => {
      this.fail(new DialError('no connection in time', this.#inTunnel ? 'target' : 'exit'));
    }, timeoutMs);
    this.#timer.unref();
    this.once('proxyConnect', (response: ConnectResponse) => this.#answered(response));
    // It is the socket that TLS with the target is put on. Nobody else listens for its errors.
    this.once('proxy', ({ socket }: { socket: Socket }) => socket.on('error', () => {}));
  }

  /** What https-proxy-agent takes for the request: it emits on it, and shall not on one that users listen to. */
  get request(): ClientRequest {
    // It uses nothing of it but `emit` and `once`.
    return this as unknown as ClientRequest;
  }

  /** Opens the TCP connection to the proxy. */
  hop({ hostname, port }: ProxyAddress): Socket {
    const socket = connectTcp({ host: hostname, port, noDelay: true, keepAlive: true });
    this.#watch(socket);
    return socket;
  }

  /** Runs what opens a TCP connection to the proxy at once, and watches that connection. */
  watching<T>(run: () => T): T {
    const seen = (message: unknown): void => {
      const { socket } = message as { socket: Socket };
      this.#watch(socket);
      socket.on('readable', this.#measure);
    };
    // The agent hands its socket out only when the proxy has answered.
    subscribe('net.client.socket', seen);
    try {
      return run();
    } finally {
      unsubscribe('net.client.socket', seen);
    }
  }

  /** The connection is there. */
  done(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#hop?.off('close', this.#cut);
  }

  fail(error: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#break(error);
    this.#hop?.destroy();
  }

  /** What went wrong inside the tunnel: a connection that ends there tells no more than a refusal. */
  failedInside(error: NodeJS.ErrnoException): unknown {
    const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
    return ended ? new DialError('closed in the tunnel', 'target', error) : error;
  }

  /** Resolves when TLS with the far side is there. */
  secured(socket: Socket): Promise<void> {
    if (!(socket instanceof TLSSocket)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
  }

  #watch(socket: Socket): void {
    this.#hop = socket;
    socket.on('error', this.#cut).on('close', this.#cut);
  }

  #answered({ statusCode, headers }: ConnectResponse): void {
    this.#hop?.off('readable', this.#measure);
    const type = String(headers['content-type'] ?? '');
    if (statusCode !== 200) this.fail(refusedTunnel(statusCode));
    // A tunnel has no type: it is the page of a portal, or of a server that is no proxy.
    else if (/^\s*text\/html/i.test(type)) this.fail(new DialError('a page in place of a tunnel', 'exit'));
    else this.#inTunnel = true;
  }

  readonly #cut = (error: unknown): void => {
    this.fail(this.#inTunnel ? new DialError('closed in the tunnel', 'target', error) : unreachable(error));
  };

  readonly #measure = (): void => {
    if ((this.#hop?.bytesRead ?? 0) > MAX_ANSWER_BYTES) {
      this.fail(new DialError('an answer without end', 'exit'));
    }
  };
}
