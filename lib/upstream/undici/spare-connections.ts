import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

type Connect = buildConnector.connector;
type ConnectOptions = Parameters<Connect>[0];

/** A connection that nothing has been sent on. */
interface Spare {
  socket?: Socket;
  /** Who waits for it while it is being opened. */
  taken?: buildConnector.Callback;
  expiry?: NodeJS.Timeout;
}

/**
 * Connections of a pool that are opened before they are needed, in place of those that close after their response
 * although their target would keep them: nothing that a target sends behind a HEAD can reach another client (RFC 9112
 * §11.2), and the next call does not wait for a handshake.
 */
export class SpareConnections {
  readonly #connect: Connect;
  readonly #connections: number;
  readonly #idleMs: number;
  readonly #spares: Spare[] = [];
  readonly #idled = new WeakSet<Socket>();
  #options: ConnectOptions | undefined;
  #replacedAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  /** Open ones and those that are being opened. */
  #count = 0;

  /**
   * @param connect opens a connection of the pool
   * @param limits how many connections the pool may have, and how long a spare one is kept
   */
  constructor(connect: Connect, { connections, idleMs }: { connections: number; idleMs: number }) {
    this.#connections = connections;
    this.#idleMs = idleMs;
    this.#connect = (options, callback) => {
      this.#count++;
      connect(options, (...[error, socket]) => {
        if (error || !socket) {
          this.#count--;
          return callback(error ?? new Error('no socket'), null);
        }
        socket.once('close', () => this.#count--);
        callback(null, socket);
      });
    };
  }

  /** Whether a connection was open for a while before its first request, so that its target may have closed it. */
  hasIdled(socket: Socket): boolean {
    return this.#idled.has(socket);
  }

  /** The pool's connector: a spare one where there is one. */
  readonly take: Connect = (options, callback) => {
    this.#options = options;
    const spare = this.#spares.shift();
    if (!spare) return this.#connect(options, callback);
    if (!spare.socket) {
      spare.taken = callback;
      return;
    }
    const { socket } = spare;
    // undici does the same before it uses a connection again: a close that has arrived is read first.
    setImmediate(() => {
      clearTimeout(spare.expiry);
      socket.off('readable', destroyOne).off('error', ignore);
      if (socket.destroyed) return this.#connect(options, callback);
      socket.ref();
      callback(null, socket);
    });
  };

  /**
   * One of the pool's connections closes with the response that it waits for: another one is opened meanwhile, unless
   * such closes are rare, or the pool has as many as it may.
   */
  replace(): void {
    const now = performance.now();
    const isRare = now - this.#replacedAt > this.#idleMs;
    this.#replacedAt = now;
    if (isRare || this.#closed || !this.#options || this.#count >= this.#connections) return;
    const spare: Spare = {};
    this.#spares.push(spare);
    this.#connect(this.#options, (...[error, socket]) => {
      if (spare.taken)
        return error || !socket
          ? spare.taken(error ?? new Error('no socket'), null)
          : spare.taken(null, socket);
      if (error || !socket || this.#closed) {
        this.#forget(spare);
        socket?.destroy();
        return;
      }
      this.#keep(spare, socket);
    });
  }

  close(): void {
    this.#closed = true;
    for (const { socket } of this.#spares.splice(0)) socket?.destroy();
  }

  #keep(spare: Spare, socket: Socket): void {
    spare.socket = socket;
    this.#idled.add(socket);
    socket.unref();
    // Whatever a target says before it was asked anything is no response to what comes first (RFC 9112 §9.2).
    socket.on('readable', destroyOne).on('error', ignore);
    socket.once('close', () => this.#forget(spare));
    spare.expiry = setTimeout(() => socket.destroy(), this.#idleMs);
    spare.expiry.unref();
  }

  #forget(spare: Spare): void {
    clearTimeout(spare.expiry);
    const at = this.#spares.indexOf(spare);
    if (at >= 0) this.#spares.splice(at, 1);
  }
}

const ignore = (): void => {};

function destroyOne(this: Socket): void {
  this.destroy();
}
