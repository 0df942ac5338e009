import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ProxyServer, ProxyServerOptions } from 'httpxy';
import type { EgressPolicy } from '../egress.js';
import { ProxyError } from '../errors.js';
import { type Exchange, exchangeOf } from '../exchange.js';
import { refuseUpgrade } from '../refuse-upgrade.js';
import { Call, type CallTools } from './call.js';
import { putFields } from './client-request-fields.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { readFailure } from './failure.js';
import type { UpstreamOptions } from './forward-options.js';
import { NodeTransport } from './node-transport.js';
import { BodyLedger, requestBody } from './request-body.js';
import { type RequestFields, requestFields, requestOfAttempt } from './request-fields.js';
import { upstreamPath } from './request-path.js';
import { TargetBook } from './target.js';
import type { Transport, UpstreamRequest } from './transport.js';
import { UndiciTransport } from './undici-transport.js';
import { agentOf, upgradeConnection } from './upgrade-egress.js';
import { tieEnds } from './websocket.js';

/** The way to the targets of one `forward()`: its connections, its clock and its memory. */
export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #targets = new TargetBook();
  readonly #wheel = new DeadlineWheel();
  readonly #ledger: BodyLedger;
  readonly #transport: UndiciTransport | NodeTransport;
  readonly #fields: RequestFields;
  readonly #tools: CallTools;
  readonly #upgraded = new WeakSet<Socket>();
  readonly #upgradePolicies = new WeakMap<IncomingMessage, EgressPolicy>();

  /** @param server http-proxy-middleware's, for the events of the node transport */
  constructor(options: UpstreamOptions, server: ProxyServer) {
    this.#options = options;
    this.#ledger = new BodyLedger(options.maxKeptBytes);
    this.#fields = requestFields(options.fields);
    this.#transport =
      options.transport === 'undici'
        ? new UndiciTransport(options.connections)
        : new NodeTransport(server, options.connections, this.#wheel);
    this.#tools = {
      send: this.#send,
      wheel: this.#wheel,
      requestTimeoutMs: options.requestTimeoutMs,
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
      const request = this.#request(exchange, proxyOptions);
      new Call(request, this.#tools, ended).start();
    } catch (thrown) {
      const { error } = readFailure(thrown);
      exchange.error = error;
      ended(error);
    }
  }

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
      putFields(proxyReq, this.#fields(req, target, {}));
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

  readonly #send: Transport = (request, egress, listener) =>
    this.#transport.send(requestOfAttempt(request, listener.attempt), egress, listener);

  async close(): Promise<void> {
    this.#wheel.close();
    await this.#transport.close();
  }

  #request(exchange: Exchange, proxyOptions: ProxyServerOptions): UpstreamRequest {
    if (!proxyOptions.target) throw new ProxyError('ERR_INTERNAL', 'The router named no target');
    const { req } = exchange;
    const target = this.#targets.read(proxyOptions.target);
    const method = this.#options.method ?? req.method ?? 'GET';
    const keepBytes = exchange.retry?.resends(method) ? exchange.retry.maxBodyBytes : 0;
    const body = requestBody(req, keepBytes, this.#ledger);
    // Nothing is read before there is a connection: an exit that fails then leaves the body whole for the next.
    if (body && exchange.egress) req.pause();
    return {
      exchange,
      target,
      method,
      path: upstreamPath(target, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#fields(req, target, body ?? {}),
      body,
      proxyOptions,
    };
  }
}
