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
import { tell } from './node/listeners.js';
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

/** The way to the targets of one `forward()`: its connections, its clock and its memory. */
export class Upstream {
  /** Where calls that end, and what concerns no call, are written. */
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
   * @param given http-proxy-middleware's options, as each call gets them unless it is changed
   * @param server http-proxy-middleware's, for those who listen to it
   * @param sockets where those WebSockets are entered that no stage has begun
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
      requestTimeoutMs: options.requestTimeoutMs,
      answered: this.log.answered,
      backingOff: this.#backingOff,
    };
    this.#upgradeTools = {
      ...this.#tools,
      answered: undefined,
      send: (plan, listener) => this.#guarded(plan, listener, this.#upgrades.send),
    };
  }

  /** @param ended told once the call has ended, however its client left it; with an error where nothing was answered */
  web(
    req: IncomingMessage,
    res: ServerResponse,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): void {
    const exchange = exchangeOf(req, res);
    // Its client left while something of the application was awaited.
    if (exchange.abandoned) return ended();
    try {
      if (this.#closed) throw shuttingDown();
      if (exchange.upgrade)
        new Call(this.#handshake(exchange, proxyOptions), this.#upgradeTools, ended).start();
      else if (this.#server.listenerCount('start') > 0) this.#tellStart(exchange, proxyOptions, ended);
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

  /** A client's connection on which nothing moves for so long is closed. */
  #limitSilence(client: Socket, timeoutMs: number): void {
    client.setTimeout(timeoutMs);
    if (this.#limited.has(client)) return;
    this.#limited.add(client);
    client.on('timeout', () => client.destroy());
  }

  #tellStart(
    exchange: Exchange,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): void {
    const { target = proxyOptions.forward } = proxyOptions;
    let call: Call | undefined;
    let failure: ProxyError | undefined;
    void tell(this.#server, 'start', [exchange.req, exchange.res, asUrl(target)], (error) => {
      failure = error;
      call?.fail(error);
    });
    if (failure) throw failure;
    call = this.#begin(exchange, proxyOptions, ended);
  }

  /** What a function of the user's failed with that no call hears of. */
  readonly lost = (error: ProxyError): void => this.log.lost(error);

  /** Takes an upgrade as http-proxy-middleware hands it over. @throws ProxyError when there is no answer */
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

  /** Answers an upgrade that came to nothing; one that had succeeded can only be closed. */
  refuse(req: IncomingMessage, client: Duplex, thrown: unknown): void {
    const { error } = readFailure(thrown);
    const exchange = knownExchange(req);
    // A listener of the user's may have answered already.
    if (client.writableEnded) return;
    if (exchange?.upgrade) sendError(req, exchange.res, error);
    else client.destroy();
  }

  readonly #send: Transport = (plan, listener) =>
    this.#guarded(plan, listener, this.#transport(plan.transport).send);

  /** The last door: what was opened before all was closed stays closed, and nothing goes out by another way than planned. */
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
    this.#node ??= new NodeTransport(this.#server, connections, this.#wheel, this.lost);
    return this.#node;
  }

  /** A second call waits for the first. */
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

  /** What goes to the target; `undefined` where there is none but that of a copy. */
  #planOf(exchange: Exchange, proxyOptions: ProxyServerOptions): Plan | undefined {
    const { req } = exchange;
    const { target, forward, buffer } = proxyOptions;
    if (!target && !forward) throw new ProxyError('ERR_INTERNAL', 'The router named no target');
    if (exchange.egress && forward) {
      throw new ProxyError('ERR_INTERNAL', 'A copy goes direct: forward cannot go with egress proxies');
    }
    if (exchange.egress && typeof target === 'object' && 'socketPath' in target) {
      throw new ProxyError('ERR_INTERNAL', 'No egress proxy reaches the unix socket that the router named');
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
      // Nobody but the copy reads it.
      body?.close();
      return undefined;
    }
    const read = named(this.#targets.read(target), proxyOptions);
    // Written out, since an object made by spreading costs more than all the rest of this.
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
    if (!target) throw new ProxyError('ERR_INTERNAL', 'The router named no target');
    if (upgradeTimeout) {
      const { attemptTimeoutMs = this.#options.requestTimeoutMs } = exchange;
      exchange.attemptTimeoutMs = Math.min(upgradeTimeout, attemptTimeoutMs || upgradeTimeout);
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

  /** Where egress proxies are configured each attempt has to be told so by their rotation. */
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
/** Of a request without a body. */
const NO_FRAMING = Object.freeze({});
const NOT_SENT: Sending = Object.freeze({ cancel() {} });

/** How long WebSockets may take to say goodbye. */
const GRACE_MS = 1000;
