import type { ClientRequest } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { tellDial } from '../core/agent-with.js';
import type { ConnectTo } from '../core/egress.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import { exhaustedHere } from '../core/exhausted-here.js';
import { HttpsProxyAgent } from '../core/packages/https-proxy-agent.js';
import { guardIdle } from '../http/idle-connections.js';
import { Dial } from './dial.js';
import { DialError, unreachable } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';
import { SocksTunnels } from './socks-tunnel.js';

/** Is told of every connection through an egress proxy, and may refuse one. */
export interface DialWatcher {
  /** The proxy works: it has opened a connection since it last failed. */
  readonly isProven: boolean;
  /** The error if the proxy is cooling down, or closed. */
  refusal(): ProxyError | undefined;
  /** @returns the time, for {@link ended} */
  began(): number;
  /** There is a connection to the proxy, which may still fail. */
  opened(connection: Socket): void;
  /**
   * Not told where this process could open no connection, which says nothing about the proxy.
   * @param failure `undefined` if the proxy is not to blame
   */
  ended(beganAt: number, to: Pick<ConnectTo, 'hostname' | 'port' | 'encrypted'>, failure?: DialError): void;
}

/** Options for connections through an egress proxy. */
export interface ProxyAgentOptions {
  readonly connectTimeoutMs: number;
  /** Maximum for each target. */
  readonly connections: number;
  readonly ca: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Whether requests to http targets are sent in absolute form. */
  readonly absoluteForm: boolean;
  /** Sent to the proxy with each CONNECT, besides its credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `false`: each request of Node's client gets a connection of its own. */
  readonly keepAlive?: boolean;
}

type ConnectOptions = Parameters<HttpsProxyAgent<string>['connect']>[1] & { secureEndpoint: boolean };

/** Missing in the types of Node's agents. */
interface Pooling {
  addRequest(req: ClientRequest, options: object): void;
}
const pooling = HttpsProxyAgent.prototype as unknown as Pooling;

type Identified = Pick<TlsOptions, 'host' | 'servername' | 'checkServerIdentity'>;

interface TargetOptions {
  readonly host?: string;
  readonly port?: number | string;
}

const IDLE_MS = 4000;

/** Opens connections through one proxy: for undici, and for Node's client, whose connections it pools. */
export class ProxyAgent extends HttpsProxyAgent<string> {
  readonly #address: ProxyAddress;
  readonly #options: ProxyAgentOptions;
  readonly #watcher: DialWatcher;
  readonly #dials = new Set<Dial>();
  #wasUsed = false;
  readonly #socks: SocksTunnels | undefined;

  constructor(address: ProxyAddress, options: ProxyAgentOptions, watcher: DialWatcher) {
    const { authorization } = address;
    // Not in the URL, which the agent writes to its debug log.
    const login = authorization ? { 'Proxy-Authorization': authorization } : {};
    // The agent gets each connection to the proxy ready to use, TLS included.
    super(`http://${address.authority}`, {
      keepAlive: options.keepAlive ?? true,
      maxSockets: options.connections,
      noDelay: true,
      headers: { ...options.headers, ...login },
    });
    this.#address = address;
    this.#options = options;
    this.#watcher = watcher;
    this.#socks =
      address.socks === undefined ? undefined : new SocksTunnels(address.socks, options.connectTimeoutMs);
    // Otherwise idle connections through many proxies stay open for as long as these allow.
    Object.assign(this.options, { timeout: IDLE_MS });
    guardIdle(this, Number.POSITIVE_INFINITY);
  }

  /** Opens a connection for undici, or a tunnel for an upgrade. @throws DialError, or the target's own TLS error */
  open(to: ConnectTo, absoluteForm: boolean): Promise<Socket> {
    const { hostname: host, port, encrypted, servername, rejectUnauthorized } = to;
    const tls = { ...to.tls, servername: servername ?? '', rejectUnauthorized, ALPNProtocols: ['http/1.1'] };
    return this.#dial({ host, port, secureEndpoint: encrypted, ...(encrypted ? tls : {}) }, absoluteForm);
  }

  /** Called by Node's client when it needs another connection. */
  override async connect(req: ClientRequest, options: ConnectOptions): Promise<Socket> {
    tellDial(req);
    try {
      return await this.#dial(options, this.#options.absoluteForm && !options.secureEndpoint);
    } catch (error) {
      this.#failWaiting(options, error);
      throw error;
    }
  }

  /** Called by Node's client for each request. */
  addRequest(req: ClientRequest, options: TargetOptions): void {
    const secureEndpoint = req.protocol === 'https:';
    if (this.#options.absoluteForm && !secureEndpoint) {
      req.path = originOf(options) + req.path;
      for (const [name, value] of Object.entries(this.#options.headers ?? {})) req.setHeader(name, value);
      const { authorization } = this.#address;
      if (authorization) req.setHeader('proxy-authorization', authorization);
    }
    // Otherwise agent-base derives it from the call stack, which differs when a connection is returned to the
    // pool: it would never be found again.
    pooling.addRequest.call(this, req, { ...options, secureEndpoint });
  }

  /** Ends its connections, and those that are being opened. */
  close(): void {
    for (const dial of [...this.#dials]) dial.fail(shuttingDown());
    this.destroy();
  }

  /** It was used, and nothing is open any more, or being opened. */
  get done(): boolean {
    return this.#wasUsed && this.#dials.size === 0 && Object.keys(this.sockets).length === 0;
  }

  /** Nothing new is sent through it: idle connections close now, the others after their request. */
  retire(): void {
    this.keepAlive = false;
    this.maxFreeSockets = 0;
    for (const sockets of Object.values(this.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }

  async #dial(options: ConnectOptions, absoluteForm: boolean): Promise<Socket> {
    const refusal = this.#watcher.refusal();
    if (refusal) throw refusal;
    const to = {
      hostname: options.host ?? '',
      port: Number(options.port),
      encrypted: options.secureEndpoint,
    };
    this.#wasUsed = true;
    const dial = new Dial(this.#options.connectTimeoutMs, this.#watcher.isProven, (connection) =>
      this.#watcher.opened(connection),
    );
    this.#dials.add(dial);
    const beganAt = this.#watcher.began();
    const opening = absoluteForm ? this.#straight(dial) : this.#tunnel(dial, options);
    // Handled even if `dial.broken` rejects first.
    opening.catch(() => {});
    let socket: Socket;
    try {
      socket = await Promise.race([opening, dial.broken]);
    } catch (error) {
      dial.fail(unreachable(error));
      if (!exhaustedHere(error))
        this.#watcher.ended(beganAt, to, error instanceof DialError ? error : undefined);
      throw error;
    } finally {
      this.#dials.delete(dial);
    }
    dial.done();
    this.#watcher.ended(beganAt, to);
    return socket;
  }

  async #tunnel(dial: Dial, options: ConnectOptions): Promise<Socket> {
    let socket: Socket;
    try {
      socket = await this.#connectThrough(dial, options);
    } catch (error) {
      throw dial.failedBefore(error);
    }
    // Node's client waits for TLS by itself, but then a failed handshake would count as the proxy's success.
    if (!options.secureEndpoint) return socket;
    try {
      await dial.secured(socket);
      return socket;
    } catch (error) {
      throw dial.failedInside(error as NodeJS.ErrnoException);
    }
  }

  async #connectThrough(dial: Dial, given: ConnectOptions): Promise<Socket> {
    const options = given.secureEndpoint ? { ...given, ...identity(given) } : given;
    if (this.#socks) return this.#throughSocks(dial, this.#socks, options);
    const hop = await this.#straight(dial);
    return dial.through(hop, () => super.connect(dial.request, options));
  }

  async #throughSocks(dial: Dial, socks: SocksTunnels, options: ConnectOptions): Promise<Socket> {
    const { host = '', port } = options;
    dial.requesting();
    const tunnel = await socks.open(dial.request, { host: bare(host), port: Number(port) });
    dial.tunnelled(tunnel);
    if (!options.secureEndpoint) return tunnel;
    return connectTls({
      ...(options as TlsOptions),
      host: undefined,
      path: undefined,
      socket: tunnel,
    } as TlsOptions);
  }

  async #straight(dial: Dial): Promise<Socket> {
    const hop = this.#address.encrypted ? connectTls(this.#tlsToProxy(dial)) : dial.hop(this.#address);
    hop.on('error', (error) => dial.fail(dial.failedBefore(error)));
    if (this.#address.encrypted) await dial.secured(hop);
    else await new Promise((resolve) => hop.once('connect', resolve));
    return hop;
  }

  #tlsToProxy(dial: Dial) {
    const { servername, hostname: host } = this.#address;
    const { ca } = this.#options;
    return {
      socket: dial.hop(this.#address),
      host,
      servername: servername ?? '',
      ALPNProtocols: ['http/1.1'],
      ...(ca ? { ca: [ca].flat() } : {}),
    };
  }

  /** Fails the requests that wait for this connection: they would wait forever, since no other is opened. */
  #failWaiting(options: ConnectOptions, error: unknown): void {
    const name = this.getName(options);
    const waiting = this.requests[name];
    if (!waiting) return;
    Reflect.deleteProperty(this.requests, name);
    const reason = error instanceof Error ? error : new ProxyError('ERR_INTERNAL', 'The connection failed');
    for (const req of waiting as unknown as WaitingRequest[]) req.onSocket(undefined, reason);
  }
}

/**
 * The check of a target's certificate. Without it Node takes the name that the socket was opened by where there is no
 * name for SNI: the proxy's, whose certificate would be taken for that of an IP address.
 */
function identity({
  host = '',
  servername,
  ...options
}: Identified): Pick<TlsOptions, 'checkServerIdentity'> {
  const check = options.checkServerIdentity ?? checkServerIdentity;
  const name = servername || bare(host);
  return { checkServerIdentity: (_name, certificate) => check(name, certificate) };
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

function originOf({ host = 'localhost', port = 80 }: TargetOptions): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return Number(port) === 80 ? `http://${name}` : `http://${name}:${port}`;
}

/** The method by which Node's agents tell a request that there is no connection. */
interface WaitingRequest {
  onSocket(socket: undefined, error: Error): void;
}
