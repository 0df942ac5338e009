import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ProxyServer, ProxyServerOptions } from 'httpxy';
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
import { type RequestFields, requestFields } from './request-fields.js';
import { upstreamPath } from './request-path.js';
import { TargetBook } from './target.js';
import type { UpstreamRequest } from './transport.js';
import { UndiciTransport } from './undici-transport.js';
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
      send: this.#transport.send,
      wheel: this.#wheel,
      requestTimeoutMs: options.requestTimeoutMs,
    };
  }

  /** Resolves when the call has ended, however its client left it. @throws ProxyError when there is no answer */
  web(req: IncomingMessage, res: ServerResponse, proxyOptions: ProxyServerOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const exchange = exchangeOf(req, res);
      try {
        const request = this.#request(exchange, proxyOptions);
        new Call(request, this.#tools, (error) => (error ? reject(error) : resolve())).start();
      } catch (thrown) {
        const { error } = readFailure(thrown);
        exchange.error = error;
        reject(error);
      }
    });
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
