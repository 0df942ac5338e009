import type { Socket } from 'node:net';
import type { buildConnector, Client, Dispatcher } from 'undici';
import { undiciClient } from '../../core/packages/undici.js';
import { type Connection, takeContinue } from './connection.js';
import { Relay } from './relay.js';
import type { SpareConnections } from './spare-connections.js';

/** What a client of a pool is made of. */
type PoolClientParameters = [
  origin: URL,
  options: Client.Options,
  /** The pool's connector. */
  connect: buildConnector.connector,
  /** The pool's, where it keeps any. */
  spares: SpareConnections | undefined,
  /** Of its connection; `Infinity` is no limit. */
  maxAgeMs?: number,
];

type PoolClientClass = new (...parameters: PoolClientParameters) => Client;

// The class of undici that it extends is loaded with the first pool.
let PoolClient: PoolClientClass | undefined;

/** One connection of a pool, which tells an attempt that it has left the pool's queue. */
export function newPoolClient(...parameters: PoolClientParameters): Client {
  PoolClient ??= extending(undiciClient());
  return new PoolClient(...parameters);
}

function extending(Client: ReturnType<typeof undiciClient>): PoolClientClass {
  return class PoolClient extends Client implements Connection {
    #socket: Socket | undefined;
    bytesBefore = 0;
    #connectedAt = 0;
    #isOld = false;
    readonly #spares: SpareConnections | undefined;

    constructor(
      ...[origin, options, connect, spares, maxAgeMs = Number.POSITIVE_INFINITY]: PoolClientParameters
    ) {
      const own = { told: (_socket: Socket): void => {} };
      super(origin, {
        ...options,
        connect: (to, callback) =>
          (spares?.take ?? connect)(to, (...[error, socket]) => {
            if (error || !socket) return callback(error ?? new Error('no socket'), null);
            own.told(socket);
            callback(null, socket);
          }),
      });
      own.told = (socket) => {
        this.#socket = socket;
        this.bytesBefore = socket.bytesRead;
        this.#isOld = false;
        if (maxAgeMs < Number.POSITIVE_INFINITY) this.#age(socket, maxAgeMs);
      };
      this.#spares = spares;
      // It has its parser by now, and nothing was sent yet.
      this.on('connect', () => {
        if (this.#socket) takeContinue(this.#socket);
      });
    }

    get hasIdled(): boolean {
      return this.#socket !== undefined && (this.#spares?.hasIdled(this.#socket) ?? false);
    }

    replace(): void {
      this.#spares?.replace();
    }

    /**
     * What the pool's own `clientTtl` looks at for each client before each request, and compares with the clock: with this
     * it looks at the clock only once a connection is too old.
     */
    get ttl(): number {
      return this.#isOld ? this.#connectedAt : 0;
    }

    /** Called by the pool when it has connected. */
    set ttl(time: number) {
      this.#connectedAt = time;
    }

    #age(socket: Socket, maxAgeMs: number): void {
      const timer = setTimeout(() => {
        this.#isOld = this.#socket === socket;
      }, maxAgeMs);
      timer.unref();
      socket.once('close', () => clearTimeout(timer));
    }

    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      if (handler instanceof Relay) handler.assigned(this);
      return super.dispatch(options, handler);
    }

    /** undici pauses its parser in front of a body only: what is not read cannot be parsed either. */
    hold(): void {
      if (this.#socket) this.#socket.read = nothing;
    }

    release(): void {
      const socket = this.#socket;
      if (socket?.read !== nothing) return;
      Reflect.deleteProperty(socket, 'read');
      // What its parser listens for.
      socket.emit('readable');
    }

    /** undici writes that header itself, with the head in one piece. */
    announceTe(): void {
      const socket = this.#socket;
      if (!socket) return;
      const write = (head: unknown, ...rest: unknown[]): boolean => {
        Reflect.deleteProperty(socket, 'write');
        const text = typeof head === 'string' ? head.replace(PERSISTENCE, '$1TE, $2') : head;
        return Reflect.apply(socket.write, socket, [text, ...rest]);
      };
      socket.write = write;
    }
  };
}

const PERSISTENCE = /(\r\nconnection: )(keep-alive|close)(?=\r\n)/;
const nothing = (): null => null;
