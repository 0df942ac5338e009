import type { buildConnector, Dispatcher, Pool } from 'undici';
import type { Egress, TargetTls } from '../../core/egress.js';
import { undiciConnector, undiciPool } from '../../core/packages/undici.js';
import type { RedirectRules } from '../node/redirects.js';
import type { PoolUse } from '../pool-use.js';
import { readBeforeWriteError } from '../read-before-error.js';
import type { Target } from '../request/target.js';
import { LateHeads } from '../response/late-heads.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import { type Pausing, steady } from './connection.js';
import { newPoolClient } from './pool-client.js';
import { Relay, type RelayTools } from './relay.js';
import { SpareConnections } from './spare-connections.js';

/** Sizes and time limits of connections to targets. */
export interface ConnectionOptions {
  readonly connections: number;
  readonly keepAliveTimeoutMs: number;
  /** `Infinity` is no limit. */
  readonly maxConnectionAgeMs: number;
  readonly connectTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseHeaderBytes: number;
  /** Whether the target's certificate must be trusted. */
  readonly secure: boolean;
  readonly tls: TargetTls;
  /** Whether `Set-Cookie` is passed to the client. */
  readonly setCookie: boolean;
  /** Whether references of the target to itself are changed, so that they lead through the proxy. */
  readonly rewriteLocation: boolean;
  readonly redirects: RedirectRules;
  /** Whether Node's client takes what is not valid HTTP. */
  readonly insecureHTTPParser: boolean;
  /** Limits of WebSockets; `Infinity` is none. */
  readonly maxSockets: number;
  readonly maxSocketsPerClient: number;
  readonly socketIdleMs: number;
  readonly socketAgeMs: number;
}

const MAX_POOLS = 1000;

/** Sends attempts through undici's pools: one for each target and egress proxy, so that tunnels are reused. */
export class UndiciTransport {
  readonly #options: ConnectionOptions;
  // Loaded here, so that no call waits for it.
  readonly #Pool = undiciPool();
  readonly #pools = new Map<string, Pool>();
  /** They take no more calls, and close when theirs have ended. */
  readonly #leaving = new Set<Pool>();
  readonly #spares = new WeakMap<Pool, SpareConnections>();
  readonly #bytesRead = new WeakMap<object, number>();
  /** Tells the pools of two egress proxies apart, which may have the same name in two rotations. */
  readonly #egressIds = new WeakMap<Egress, number>();
  #lastEgressId = 0;
  readonly #lateHeads = new LateHeads();
  readonly #pausing: Pausing = { resume: undefined };
  readonly #relayTools: RelayTools = {
    used: (error, bytesBefore) => this.#used(error, bytesBefore),
    lateHeads: this.#lateHeads,
    pausing: this.#pausing,
  };

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  readonly send = (plan: Plan, listener: AttemptListener): Sending => {
    const { target, method, body, egress } = plan;
    const relay = new Relay(plan, listener, this.#options, this.#relayTools);
    const absolute = egress?.absoluteForm;
    try {
      this.#pool(target, egress).dispatch(
        {
          path: absolute ? target.origin + plan.path : plan.path,
          method: method as Dispatcher.HttpMethod,
          headers: absolute ? [...plan.rawHeaders, ...absolute.rawHeaders] : (plan.rawHeaders as string[]),
          body: relay.opened(body?.open()),
          headersTimeout: 0,
          // Without `servername` undici takes the name for SNI and the certificate from the Host header.
          servername: target.servername ?? target.origin,
          ...(egress?.once ? { reset: true } : undefined),
        } as Dispatcher.DispatchOptions,
        relay,
      );
    } catch (error) {
      relay.onError(error);
    }
    return relay;
  };

  /** Its connections, and who waits for one. */
  use(): PoolUse {
    let open = 0;
    let idle = 0;
    let waiting = 0;
    for (const pools of [this.#pools.values(), this.#leaving]) {
      for (const { stats } of pools) {
        open += stats.connected;
        idle += stats.free;
        waiting += stats.pending;
      }
    }
    return { busy: open - idle, idle, waiting };
  }

  /** Closes idle connections, and the others after their calls; later calls open new ones. */
  closeIdle(): void {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const pool of pools) {
      this.#spares.get(pool)?.close();
      const closing: Promise<unknown> = pool
        .close()
        .catch(() => {})
        .finally(() => this.#leaving.delete(pool));
      void closing;
      this.#leaving.add(pool);
    }
  }

  async close(): Promise<void> {
    this.#lateHeads.close();
    const pools = [...this.#pools.values(), ...this.#leaving];
    this.#pools.clear();
    for (const pool of pools) this.#spares.get(pool)?.close();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  /**
   * Whether the error came from a connection that had carried a response before.
   * @param bytesBefore read on it before its first request
   */
  #used(error: unknown, bytesBefore = 0): boolean {
    if (typeof error !== 'object' || error === null) return false;
    const socket: unknown = Reflect.get(error, 'socket');
    const seen = typeof socket === 'object' && socket !== null ? Reflect.get(socket, 'bytesRead') : undefined;
    return (typeof seen === 'number' ? seen : (this.#bytesRead.get(error) ?? 0)) > bytesBefore;
  }

  #pool(target: Target, egress: Egress | undefined): Pool {
    const key = egress ? `${target.origin} ${this.#idOf(egress)}` : target.origin;
    const known = this.#pools.get(key);
    if (known) return known;
    const pool = this.#open(target, egress);
    this.#pools.set(key, pool);
    if (this.#pools.size > MAX_POOLS) this.#closeOldest();
    return pool;
  }

  #idOf(egress: Egress): number {
    const known = this.#egressIds.get(egress);
    if (known !== undefined) return known;
    this.#egressIds.set(egress, ++this.#lastEgressId);
    return this.#lastEgressId;
  }

  /** A router that returns ever new targets must not pile up pools. */
  #closeOldest(): void {
    const [oldest] = this.#pools;
    if (!oldest) return;
    const [key, pool] = oldest;
    this.#pools.delete(key);
    this.#spares.get(pool)?.close();
    pool.close(() => {});
  }

  #open(target: Target, egress: Egress | undefined): Pool {
    const { connections, keepAliveTimeoutMs, maxConnectionAgeMs, maxResponseHeaderBytes } = this.#options;
    const connect = this.#connector(target, egress);
    // A tunnel is opened for an attempt, which the rotation hears of.
    const spares = egress
      ? undefined
      : new SpareConnections(connect, { connections, idleMs: keepAliveTimeoutMs });
    const pool = new this.#Pool(egress?.absoluteForm?.origin ?? target.origin, {
      connections: egress?.connections ?? connections,
      pipelining: 1,
      factory: (origin, options) => newPoolClient(origin, options, connect, spares, maxConnectionAgeMs),
      keepAliveTimeout: keepAliveTimeoutMs,
      ...(maxConnectionAgeMs === Number.POSITIVE_INFINITY ? {} : { clientTtl: maxConnectionAgeMs }),
      headersTimeout: 0,
      // An attempt has a clock of its own for each phase.
      bodyTimeout: 0,
      maxHeaderSize: maxResponseHeaderBytes,
      connect,
      // A reset HTTP/2 stream without Content-Length looks like a complete response.
      allowH2: false,
    });
    if (spares) this.#spares.set(pool, spares);
    return pool;
  }

  #connector(target: Target, egress: Egress | undefined): buildConnector.connector {
    const connect = egress ? this.#through(egress) : this.#direct();
    return (options, callback) => {
      // Without one undici would take the name of the Host header.
      const named = { ...options, servername: target.servername } as buildConnector.Options;
      connect(named, (...[error, socket]) => {
        if (error || !socket) return callback(error ?? new Error('no socket'), null);
        steady(socket, this.#pausing);
        readBeforeWriteError(socket);
        // An error does not always say whether its connection had been used before.
        socket.prependListener('error', (failure) => this.#bytesRead.set(failure, socket.bytesRead));
        callback(null, socket);
      });
    };
  }

  #direct(): buildConnector.connector {
    const { connectTimeoutMs, secure, tls } = this.#options;
    return undiciConnector()({
      ...tls,
      timeout: connectTimeoutMs,
      rejectUnauthorized: secure,
      allowH2: false,
    });
  }

  #through(egress: Egress): buildConnector.connector {
    return ({ hostname, protocol, port, servername }, callback) => {
      const encrypted = protocol === 'https:';
      const to = {
        hostname,
        port: Number(port) || (encrypted ? 443 : 80),
        encrypted,
        servername,
        rejectUnauthorized: this.#options.secure,
        tls: this.#options.tls,
      };
      egress.connect(to).then(
        (socket) => callback(null, socket),
        (error) => callback(error, null),
      );
    };
  }
}
