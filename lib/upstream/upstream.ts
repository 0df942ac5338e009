import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyServerOptions } from 'httpxy';
import { ProxyError, shuttingDown } from '../core/errors.js';
import { type Exchange, knownExchange, sameExchange } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { ServerClosings } from '../core/server-closings.js';
import { whenInTurn } from '../websocket/in-turn.js';
import type { OpenSockets } from '../websocket/open-sockets.js';
import { acceptedProtocol } from '../websocket/protocols.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { beginUpgrade, takeUpgrade } from '../websocket/upgrade.js';
import { Call } from './call.js';
import type { CallLog } from './call-log.js';
import type { CallTools } from './call-tools.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { readFailure } from './failure.js';
import { notify } from './node/listeners.js';
import { NodeTransport } from './node/transport.js';
import type { UpstreamOptions } from './options/resolve-forward.js';
import { Planner } from './planner.js';
import { type PoolUse, sumOfUse } from './pool-use.js';
import { type Admission, admission } from './request/admission.js';
import { asUrl } from './request/target.js';
import type { AttemptListener, Plan, Sending, Transport } from './transport.js';
import { UndiciTransport } from './undici/transport.js';
import { UploadPlaces } from './upload-places.js';
import { UpgradeTransport } from './websocket/transport.js';

/** What one `forward()` shares among its calls: connections, deadlines and the memory for request bodies. */
export class Upstream {
  /** Logs ended calls, and failures outside of any call. */
  readonly log: CallLog;
  readonly admit: Admission;
  readonly #options: UpstreamOptions;
  readonly #wheel = new DeadlineWheel();
  readonly #server: ProxyServer;
  readonly #planner: Planner;
  readonly #tools: CallTools;
  readonly #upgrades: UpgradeTransport;
  readonly #upgradeTools: CallTools;
  readonly #sockets: OpenSockets;
  readonly #uploads: UploadPlaces;
  #undici: UndiciTransport | undefined;
  #node: NodeTransport | undefined;
  readonly #limited = new WeakSet<Socket>();
  readonly #waiting = new Set<Call>();
  readonly #servers = new ServerClosings(() => this.#letGo());
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
    this.admit = admission(options.admission);
    this.#sockets = sockets;
    this.#planner = new Planner(options, given, server, this.lost);
    this.#uploads = new UploadPlaces(options.connections.connections, options.limits, this.#wheel);
    this.#upgrades = new UpgradeTransport(server, options.connections);
    this.#tools = {
      send: this.#send,
      wheel: this.#wheel,
      limits: options.limits,
      requestTimeoutMs: options.requestTimeoutMs,
      logResponse: this.log.logResponse,
      logCut: this.log.logCut,
      waiting: this.#waiting,
      isClosed: () => this.#closed,
    };
    // It loads undici, for which no call is to wait.
    if (options.transport === 'undici') this.#transport('undici');
    this.#upgradeTools = {
      ...this.#tools,
      logResponse: undefined,
      send: (plan, listener) => this.#guarded(plan, listener, this.#upgrades.send),
    };
  }

  /** Its connections, and who waits for one. */
  use(): PoolUse {
    return sumOfUse(this.#undici?.use(), this.#node?.use());
  }

  /** @param ended called once the call has ended, even if its client left; with an error if no response was sent */
  web(
    req: IncomingMessage,
    res: ServerResponse,
    proxyOptions: ProxyServerOptions,
    ended: (error?: ProxyError) => void,
  ): void {
    const exchange = sameExchange(req, res);
    if (req.socket) this.#servers.hear(Reflect.get(req.socket, 'server'));
    // The client left while a function of the application was awaited.
    if (exchange.abandoned) return ended();
    try {
      if (this.#closed) throw shuttingDown();
      const verdict = this.#options.admitted || this.admit(req, res);
      if (verdict === false) return ended();
      if (verdict !== true) throw verdict;
      if (exchange.upgrade)
        new Call(this.#planner.handshake(exchange, proxyOptions), this.#upgradeTools, ended).start();
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
    const plan = this.#planner.plan(exchange, proxyOptions);
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
    const protocol = acceptedProtocol(req, this.#options.upgrades);
    if (protocol === undefined) return serveWithoutUpgrade(req, socket, head);
    await new Promise<void>((resolve) => whenInTurn(req, resolve));
    const exchange = beginUpgrade(req, socket, head, this.#sockets, protocol);
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

  readonly #send: Transport = (plan, listener) => {
    const arriving = plan.body?.arriving;
    return arriving
      ? this.#uploads.send(plan, arriving, listener, this.#sendNow)
      : this.#sendNow(plan, listener);
  };

  readonly #sendNow: Transport = (plan, listener) =>
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

  /** A server that calls came in by has closed: connections that are idle are not kept for it. */
  #letGo(): void {
    this.#node?.closeIdle();
    this.#undici?.closeIdle();
  }

  /** Closes once; a second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    for (const call of [...this.#waiting]) call.fail(shuttingDown());
    this.#uploads.close();
    this.#upgrades.close();
    await this.#sockets.close(GRACE_MS);
    this.#servers.close();
    this.#wheel.close();
    this.#node?.close();
    this.#planner.close();
    await this.#undici?.close();
  }
}

const noDirectWay = () =>
  new ProxyError('ERR_NO_PROXY', 'The request was not sent: it may only go through an egress proxy');
const NOT_SENT: Sending = Object.freeze({ cancel() {}, stop() {}, received: 0 });

/** Time that WebSockets have to close. */
const GRACE_MS = 1000;
