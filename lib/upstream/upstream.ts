import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyServerOptions, ProxyTarget } from 'httpxy';
import type { EgressPolicy } from '../egress.js';
import { ProxyError } from '../errors.js';
import { type Exchange, exchangeOf } from '../exchange.js';
import { refuseUpgrade } from '../refuse-upgrade.js';
import { Call, type CallTools } from './call.js';
import type { CallLog } from './call-log.js';
import { CallOptions } from './call-options.js';
import { putFields } from './client-request-fields.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { readFailure } from './failure.js';
import type { UpstreamOptions } from './forward-options.js';
import { tell } from './listeners.js';
import { NodeTransport } from './node-transport.js';
import { BodyLedger, type RequestBody, requestBody } from './request-body.js';
import { RequestCopies } from './request-copies.js';
import { requestOfAttempt } from './request-fields.js';
import { upstreamPath } from './request-path.js';
import { asUrl, TargetBook } from './target.js';
import type { Transport, UpstreamRequest } from './transport.js';
import { UndiciTransport } from './undici-transport.js';
import { agentOf, upgradeConnection } from './upgrade-egress.js';
import { tieEnds } from './websocket.js';

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
  #undici: UndiciTransport | undefined;
  #node: NodeTransport | undefined;
  #copies: RequestCopies | undefined;
  readonly #upgraded = new WeakSet<Socket>();
  readonly #limited = new WeakSet<Socket>();
  readonly #upgradePolicies = new WeakMap<IncomingMessage, EgressPolicy>();

  /**
   * @param given http-proxy-middleware's options, as each call gets them unless it is changed
   * @param server http-proxy-middleware's, for those who listen to it
   */
  constructor(options: UpstreamOptions, given: Options, server: ProxyServer, log: CallLog) {
    this.#options = options;
    this.#server = server;
    this.log = log;
    this.#calls = new CallOptions(options, given);
    this.#ledger = new BodyLedger(options.maxKeptBytes);
    this.#tools = {
      send: this.#send,
      wheel: this.#wheel,
      requestTimeoutMs: options.requestTimeoutMs,
      answered: this.log.answered,
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
    try {
      if (this.#server.listenerCount('start') > 0) this.#tellStart(exchange, proxyOptions, ended);
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
    const request = this.#request(exchange, proxyOptions);
    if (request) {
      const call = new Call(request, this.#tools, ended);
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

  /** Remembers that this upgrade must go the way the policy chooses. */
  upgradeBy(policy: EgressPolicy, req: IncomingMessage): void {
    this.#upgradePolicies.set(req, policy);
  }

  /** Hands an upgrade to httpxy, with a connection through an exit where it must have one. */
  async upgrade(
    req: IncomingMessage,
    client: Socket,
    options: ProxyServerOptions,
    send: (options: ProxyServerOptions) => Promise<void>,
  ): Promise<void> {
    const policy = this.#upgradePolicies.get(req);
    if (!policy) return send(options);
    // Nobody else listens while the way is opened.
    client.on('error', () => {});
    if (!options.target) throw new ProxyError('ERR_INTERNAL', 'The router named no target');
    const target = this.#targets.read(options.target);
    const socket = await upgradeConnection(policy, req, target, options.secure ?? true);
    if (client.destroyed) return void socket?.destroy();
    return send(
      socket ? { ...options, agent: agentOf(socket, target.origin.startsWith('https:')) } : options,
    );
  }

  /** Sees to an upgrade that httpxy is about to send: its fields, and that both ends go together. */
  upgrading(
    proxyReq: ClientRequest,
    req: IncomingMessage,
    client: Socket,
    options: ProxyServerOptions,
  ): void {
    tieEnds(proxyReq, client, this.#upgraded);
    if (!options.target) return;
    try {
      const target = this.#targets.read(options.target);
      // httpxy joins the paths itself; here it is only seen to that the joined one stays below the target's.
      upstreamPath(target, req.url ?? '/', options.ignorePath ?? false);
      putFields(proxyReq, this.#calls.fields(options)(req, target, {}));
    } catch (thrown) {
      refuseUpgrade(client, readFailure(thrown).error);
      proxyReq.on('error', () => {}).destroy();
    }
  }

  /** Answers an upgrade that came to nothing; one that had succeeded can only be closed. */
  refuse(client: Socket, thrown: unknown): void {
    const { error } = readFailure(thrown);
    if (this.#upgraded.has(client)) client.destroy();
    else refuseUpgrade(client, error);
  }

  readonly #send: Transport = (request, egress, listener) => {
    const sent = requestOfAttempt(request, listener.attempt);
    return this.#transport(request.transport).send(sent, egress, listener);
  };

  #transport(kind: 'undici' | 'node'): UndiciTransport | NodeTransport {
    const { connections } = this.#options;
    if (kind === 'undici') {
      this.#undici ??= new UndiciTransport(connections);
      return this.#undici;
    }
    this.#node ??= new NodeTransport(this.#server, connections, this.#wheel, this.lost);
    return this.#node;
  }

  async close(): Promise<void> {
    this.#wheel.close();
    this.#node?.close();
    this.#copies?.close();
    await this.#undici?.close();
  }

  /** What goes to the target; `undefined` where there is none but that of a copy. */
  #request(exchange: Exchange, proxyOptions: ProxyServerOptions): UpstreamRequest | undefined {
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
    const body = requestBody(req, {
      buffer,
      keepBytes: exchange.retry?.resends(method) ? exchange.retry.maxBodyBytes : 0,
      ledger: this.#ledger,
      listened: transport === 'node' && this.#server.listenerCount('proxyReq') > 0,
    });
    // Nothing is read before there is a connection: an exit that fails then leaves the body whole for the next.
    if (body && exchange.egress) req.pause();
    const request = target
      ? { ...this.#sent(req, target, proxyOptions, body), method, body, exchange, transport, proxyOptions }
      : undefined;
    if (!forward) return request;
    const copied = this.#sent(req, forward, proxyOptions, body);
    this.#copies ??= new RequestCopies(this.#options.connections, this.lost);
    this.#copies.send({ ...copied, method, body, to: forward, ssl: proxyOptions.ssl });
    // Nobody else reads it then.
    if (!request) body?.close();
    return request;
  }

  #sent(
    req: IncomingMessage,
    to: ProxyTarget,
    proxyOptions: ProxyServerOptions,
    body: RequestBody | undefined,
  ): Pick<UpstreamRequest, 'target' | 'path' | 'rawHeaders'> {
    const target = this.#targets.read(to);
    return {
      target,
      path: upstreamPath(target, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.fields(proxyOptions)(req, target, body ?? {}),
    };
  }
}
