import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyServerOptions, ProxyTarget } from 'httpxy';
import { ProxyError } from '../core/errors.js';
import { type Exchange, exchangeOf, knownExchange } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import type { OpenSockets } from '../websocket/open-sockets.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { beginUpgrade, handshakeProblem, meansWebSocket, takeUpgrade } from '../websocket/upgrade.js';
import { Call, type CallTools } from './call.js';
import type { CallLog } from './call-log.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { readFailure } from './failure.js';
import { notify } from './node/listeners.js';
import { NodeTransport } from './node/transport.js';
import { CallOptions } from './options/call-options.js';
import type { UpstreamOptions } from './options/resolve-forward.js';
import { named } from './options/tls-options.js';
import { hasBody, requestBody } from './request/body.js';
import { BodyLedger, type RequestBody } from './request/body-rules.js';
import { RequestCopies } from './request/copies.js';
import { upstreamPath } from './request/path.js';
import { asUrl, TargetBook } from './request/target.js';
import type { AttemptListener, Plan, Sending, Transport } from './transport.js';
import { UndiciTransport } from './undici/transport.js';
import { UpgradeTransport } from './websocket/transport.js';

/** What one `forward()` shares among its calls: connections, deadlines and the memory for request bodies. */
export class Upstream {
  /** Logs ended calls, and failures outside of any call. */
  readonly log: CallLog;
  readonly #options: UpstreamOptions;
  readonly #targets = new TargetBook();
  readonly #wheel = new DeadlineWheel();
  readonly #ledger: BodyLedger;
  readonly #server: ProxyServer;
  readonly #calls: CallOptions;
  readonly #tools: CallTools;
  readonly #upgrades: UpgradeTransport;
  readonly #upgradeTools: CallTools;
  readonly #sockets: OpenSockets;
  #undici: UndiciTransport | undefined;
  #node: NodeTransport | undefined;
  #copies: RequestCopies | undefined;
  readonly #limited = new WeakSet<Socket>();
  readonly #backingOff = new Set<Call>();
  #closed = false;
  #closing: Promise<void> | undefined;

  /**
   * @param given http-proxy-middleware's options, which each call gets unless they are changed for it
   * @param server http-proxy-middleware's, for those who listen on it
   * @param sockets registry for WebSockets that no stage has begun
   */
  constructor(
    options: UpstreamOptions,
    given: Options,
    { server, log, sockets }: { server: ProxyServer; log: CallLog; sockets: OpenSockets },
  ) {
    this.#options = options;
    this.#server = server;
    this.log = log;
    this.#sockets = sockets;
    this.#calls = new CallOptions(options, given);
    this.#upgrades = new UpgradeTransport(server, options.connections);
    this.#ledger = new BodyLedger(options.maxKeptBytes);
    this.#tools = {
      send: this.#send,
      wheel: this.#wheel,
      limits: options.limits,
      requestTimeoutMs: options.requestTimeoutMs,
      logResponse: this.log.logResponse,
      backingOff: this.#backingOff,
    };
    this.#upgradeTools = {
      ...this.#tools,
      logResponse: undefined,
      send: (plan, listener) => this.#guarded(plan, listener, this.#upgrades.send),
    };
  }

  /** @param ended called once the call has ended, even if its client left; with an error if no response was sent */
  web(
    req: IncomingMessage,
    res: ServerResponse,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): void {
    const exchange = exchangeOf(req, res);
    // The client left while a function of the application was awaited.
    if (exchange.abandoned) return ended();
    try {
      if (this.#closed) throw shuttingDown();
      if (exchange.upgrade)
        new Call(this.#handshake(exchange, proxyOptions), this.#upgradeTools, ended).start();
      else if (this.#server.listenerCount('start') > 0) this.#notifyStart(exchange, proxyOptions, ended);
      else this.#begin(exchange, proxyOptions, ended);
    } catch (thrown) {
      const { error } = readFailure(thrown);
      exchange.error = error;
      ended(error);
    }
  }

  #begin(
    exchange: Exchange,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): Call | undefined {
    if (proxyOptions.timeout) this.#limitSilence(exchange.req.socket, proxyOptions.timeout);
    const plan = this.#planOf(exchange, proxyOptions);
    if (plan) {
      const call = new Call(plan, this.#tools, ended);
      call.start();
      return call;
    }
    exchange.res.end();
    ended();
    return undefined;
  }

  /** Closes a client's connection that is idle for this long. */
  #limitSilence(client: Socket, timeoutMs: number): void {
    client.setTimeout(timeoutMs);
    if (this.#limited.has(client)) return;
    this.#limited.add(client);
    client.on('timeout', () => client.destroy());
  }

  #notifyStart(
    exchange: Exchange,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): void {
    const { target = proxyOptions.forward } = proxyOptions;
    let call: Call | undefined;
    let failure: ProxyError | undefined;
    void notify(this.#server, 'start', [exchange.req, exchange.res, asUrl(target)], (error) => {
      failure = error;
      call?.fail(error);
    });
    if (failure) throw failure;
    call = this.#begin(exchange, proxyOptions, ended);
  }

  /** Logs what a user's function failed with, if no call can be failed by it. */
  readonly lost = (error: ProxyError): void => this.log.lost(error);

  /** Takes an upgrade from http-proxy-middleware. @throws ProxyError if there is no response */
  async ws(
    req: IncomingMessage,
    socket: Duplex,
    proxyOptions: ProxyServerOptions,
    head = Buffer.alloc(0),
  ): Promise<void> {
    if (!takeUpgrade(req)) return;
    if (!meansWebSocket(req)) return serveWithoutUpgrade(req, socket, head);
    const exchange = beginUpgrade(req, socket, head, this.#sockets);
    if (!exchange) return;
    await new Promise<void>((resolve, reject) => {
      this.web(req, exchange.res, proxyOptions, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Responds to an upgrade that failed; one that had succeeded can only be closed. */
  refuse(req: IncomingMessage, client: Duplex, thrown: unknown): void {
    const { error } = readFailure(thrown);
    const exchange = knownExchange(req);
    // A user's listener may have responded already.
    if (client.writableEnded) return;
    if (exchange?.upgrade) sendError(req, exchange.res, error);
    else client.destroy();
  }

  readonly #send: Transport = (plan, listener) =>
    this.#guarded(plan, listener, this.#transport(plan.transport).send);

  /** The last check before sending: nothing is sent after close, and nothing directly unless that is allowed. */
  #guarded(plan: Plan, listener: AttemptListener, send: Transport): Sending {
    const refusal = this.#closed ? shuttingDown() : plan.direct || plan.egress ? undefined : noDirectWay();
    if (!refusal) return send(plan, listener);
    listener.failed(refusal);
    return NOT_SENT;
  }

  #transport(kind: 'undici' | 'node'): UndiciTransport | NodeTransport {
    const { connections } = this.#options;
    if (kind === 'undici') {
      this.#undici ??= new UndiciTransport(connections);
      return this.#undici;
    }
    this.#node ??= new NodeTransport(this.#server, connections, this.lost);
    return this.#node;
  }

  /** Closes once; a second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    for (const call of [...this.#backingOff]) call.fail(shuttingDown());
    this.#upgrades.close();
    await this.#sockets.close(GRACE_MS);
    this.#wheel.close();
    this.#node?.close();
    this.#copies?.close();
    await this.#undici?.close();
  }

  /** What is sent to the target; `undefined` if only a copy is sent. */
  #planOf(exchange: Exchange, proxyOptions: ProxyServerOptions): Plan | undefined {
    const { req } = exchange;
    const { target, forward, buffer } = proxyOptions;
    if (!target && !forward) throw new ProxyError('ERR_INTERNAL', 'The router returned no target');
    if (exchange.egress && forward) {
      throw new ProxyError('ERR_INTERNAL', 'forward sends copies directly: not allowed with egress proxies');
    }
    if (exchange.egress && typeof target === 'object' && 'socketPath' in target) {
      throw new ProxyError('ERR_INTERNAL', 'An egress proxy cannot connect to a unix socket');
    }
    const transport = this.#calls.transport(proxyOptions);
    const method = this.#options.method ?? req.method ?? 'GET';
    const body = hasBody(req, buffer)
      ? requestBody(req, {
          buffer,
          keepBytes: exchange.retry?.resends(method) ? exchange.retry.maxBodyBytes : 0,
          ledger: this.#ledger,
          listened: transport === 'node' && this.#server.listenerCount('proxyReq') > 0,
        })
      : undefined;
    if (forward) this.#copy(forward, req, proxyOptions, method, body);
    if (!target) {
      // Only the copy reads it.
      body?.close();
      return undefined;
    }
    const read = named(this.#targets.read(target), proxyOptions);
    // Written out, since making the object by spreading costs more than the rest of this function.
    return {
      exchange,
      target: read,
      method,
      path: upstreamPath(read, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.headers(proxyOptions)(req, read, body ?? NO_FRAMING),
      body,
      transport,
      proxyOptions,
      egress: undefined,
      direct: this.#mayGoDirect(exchange),
    };
  }

  #handshake(exchange: Exchange, proxyOptions: ProxyServerOptions): Plan {
    const { req } = exchange;
    const problem = handshakeProblem(req);
    if (problem) throw problem;
    const { target, upgradeTimeout } = proxyOptions;
    if (!target) throw new ProxyError('ERR_INTERNAL', 'The router returned no target');
    if (upgradeTimeout) {
      exchange.attemptTimeoutMs = Math.min(upgradeTimeout, exchange.attemptTimeoutMs ?? upgradeTimeout);
    }
    const to = named(this.#targets.read(target), proxyOptions);
    return {
      exchange,
      target: to,
      transport: 'node',
      method: 'GET',
      path: upstreamPath(to, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.headers(proxyOptions)(req, to, {}),
      body: undefined,
      proxyOptions,
      egress: undefined,
      direct: this.#mayGoDirect(exchange),
    };
  }

  /** If egress proxies are configured, only their rotation can allow a direct attempt. */
  #mayGoDirect(exchange: Exchange): boolean {
    return !this.#options.egressOnly && exchange.egress === undefined;
  }

  #copy(
    to: ProxyTarget,
    req: IncomingMessage,
    proxyOptions: ProxyServerOptions,
    method: string,
    body: RequestBody | undefined,
  ): void {
    const target = this.#targets.read(to);
    this.#copies ??= new RequestCopies(this.#options.connections, this.lost);
    this.#copies.send({
      target,
      method,
      path: upstreamPath(target, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.headers(proxyOptions)(req, target, body ?? {}),
      body,
      to,
      ssl: proxyOptions.ssl,
    });
  }
}

const shuttingDown = () => new ProxyError('ERR_SHUTTING_DOWN', 'The proxy is shutting down');
const noDirectWay = () =>
  new ProxyError('ERR_NO_PROXY', 'The request was not sent: it may only go through an egress proxy');
/** For a request without a body. */
const NO_FRAMING = Object.freeze({});
const NOT_SENT: Sending = Object.freeze({ cancel() {}, stop() {}, received: 0 });

/** Time that WebSockets have to close. */
const GRACE_MS = 1000;
