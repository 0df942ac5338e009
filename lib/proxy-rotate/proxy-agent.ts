import type { ClientRequest } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect as connectTls,
  type SecureContextOptions,
  type ConnectionOptions as TlsOptions,
} from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import type { ConnectTo } from '../core/egress.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import { exhaustedHere } from '../core/exhausted-here.js';
import { guardIdle } from '../http/idle-connections.js';
import { Dial } from './dial.js';
import { DialError, unreachable } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';

/** Is told of every connection through an egress proxy, and may refuse one. */
export interface DialWatcher {
  /** The error if the proxy is cooling down, or closed. */
  refusal(): ProxyError | undefined;
  /** @returns the time, for {@link ended} */
  began(): number;
  /** This process could open no connection, which says nothing about the proxy. */
  unused(): void;
  /** @param failure `undefined` if the proxy is not to blame */
  ended(beganAt: number, to: Pick<ConnectTo, 'hostname' | 'port' | 'encrypted'>, failure?: DialError): void;
}

/** Options for connections through an egress proxy. */
export interface ProxyAgentOptions {
  readonly connectTimeoutMs: number;
  /** Maximum for each target. */
  readonly connections: number;
  readonly ca: SecureContextOptions['ca'];
  /** Whether requests to http targets are sent in absolute form. */
  readonly absoluteForm: boolean;
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

  constructor(address: ProxyAddress, options: ProxyAgentOptions, watcher: DialWatcher) {
    const { authorization } = address;
    // Not in the URL, which the agent writes to its debug log.
    const headers = authorization ? { 'Proxy-Authorization': authorization } : {};
    super(address.origin, { keepAlive: true, maxSockets: options.connections, noDelay: true, headers });
    this.#address = address;
    this.#options = options;
    this.#watcher = watcher;
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
  override async connect(_req: ClientRequest, options: ConnectOptions): Promise<Socket> {
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

  async #dial(options: ConnectOptions, absoluteForm: boolean): Promise<Socket> {
    const refusal = this.#watcher.refusal();
    if (refusal) throw refusal;
    const to = {
      hostname: options.host ?? '',
      port: Number(options.port),
      encrypted: options.secureEndpoint,
    };
    const dial = new Dial(this.#options.connectTimeoutMs);
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
      if (exhaustedHere(error)) this.#watcher.unused();
      else this.#watcher.ended(beganAt, to, error instanceof DialError ? error : undefined);
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
      throw unreachable(error);
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

  #connectThrough(dial: Dial, given: ConnectOptions): Promise<Socket> {
    const options = given.secureEndpoint ? { ...given, ...identity(given) } : given;
    if (!this.#address.encrypted) return dial.watching(() => super.connect(dial.request, options));
    // The agent reads these options before its first await.
    Object.assign(this.connectOpts, this.#tlsToProxy(dial));
    return super.connect(dial.request, options);
  }

  async #straight(dial: Dial): Promise<Socket> {
    const hop = this.#address.encrypted ? connectTls(this.#tlsToProxy(dial)) : dial.hop(this.#address);
    hop.on('error', (error) => dial.fail(unreachable(error)));
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
      ...(ca ? { ca } : {}),
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
  const name = servername || host.replace(/^\[|\]$/g, '');
  return { checkServerIdentity: (_name, certificate) => check(name, certificate) };
}

function originOf({ host = 'localhost', port = 80 }: TargetOptions): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return Number(port) === 80 ? `http://${name}` : `http://${name}:${port}`;
}

/** The method by which Node's agents tell a request that there is no connection. */
interface WaitingRequest {
  onSocket(socket: undefined, error: Error): void;
}
