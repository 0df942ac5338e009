import type { IncomingMessage } from 'node:http';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyServerOptions, ProxyTarget } from 'httpxy';
import { headerProblem } from '../core/changed-headers.js';
import { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { codingRefusal } from '../http/transfer-coding.js';
import { isWebSocket } from '../websocket/protocols.js';
import { handshakeProblem } from '../websocket/upgrade.js';
import { CallOptions } from './options/call-options.js';
import type { UpstreamOptions } from './options/resolve-forward.js';
import { named } from './options/tls-options.js';
import { methodNotAllowed } from './request/admission.js';
import { hasBody, requestBody } from './request/body.js';
import { BodyLedger, type RequestBody } from './request/body-rules.js';
import { RequestCopies } from './request/copies.js';
import { upstreamPath } from './request/path.js';
import { StreamedBody } from './request/streamed-body.js';
import { TargetBook } from './request/target.js';
import type { Plan } from './transport.js';

/** Makes the plan of a call: target, path, headers and body, from the options that hold for it. */
export class Planner {
  readonly #options: UpstreamOptions;
  readonly #server: ProxyServer;
  readonly #calls: CallOptions;
  readonly #ledger: BodyLedger;
  readonly #targets = new TargetBook();
  readonly #lost: (error: ProxyError) => void;
  #copies: RequestCopies | undefined;

  /**
   * @param given http-proxy-middleware's options, which each call gets unless they are changed for it
   * @param server http-proxy-middleware's, for those who listen on it
   * @param lost called with the failure of a copy
   */
  constructor(
    options: UpstreamOptions,
    given: Options,
    server: ProxyServer,
    lost: (error: ProxyError) => void,
  ) {
    this.#options = options;
    this.#server = server;
    this.#calls = new CallOptions(options, given);
    this.#ledger = new BodyLedger(options.maxKeptBytes);
    this.#lost = lost;
  }

  /** Ends the connections of copies. */
  close(): void {
    this.#copies?.close();
  }

  /** What is sent to the target; `undefined` if only a copy is sent. */
  plan(exchange: Exchange, proxyOptions: ProxyServerOptions): Plan | undefined {
    const { req } = exchange;
    const { target, forward, buffer } = proxyOptions;
    const refusal = headerProblem(req) ?? codingRefusal(req);
    if (refusal) throw refusal;
    if (!target && !forward) throw new ProxyError('ERR_INTERNAL', 'The router returned no target');
    if (exchange.egress && forward) {
      throw new ProxyError('ERR_INTERNAL', 'forward sends copies directly: not allowed with egress proxies');
    }
    if (exchange.egress && typeof target === 'object' && 'socketPath' in target) {
      throw new ProxyError('ERR_INTERNAL', 'An egress proxy cannot connect to a unix socket');
    }
    const method = this.#options.method ?? req.method ?? 'GET';
    // Max-Forwards may let it end at the proxy, which would return the credentials that it gets.
    if (exchange.egress && method === 'TRACE') throw methodNotAllowed(method);
    const transport = this.#calls.transport(proxyOptions);
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
      rawHeaders: this.#calls.headers(proxyOptions)(req, read, body ?? NO_FRAMING, method),
      body,
      transport,
      proxyOptions,
      egress: undefined,
      direct: this.#mayGoDirect(exchange),
    };
  }

  handshake(exchange: Exchange, proxyOptions: ProxyServerOptions): Plan {
    const { req, upgrade } = exchange;
    const problem = headerProblem(req) ?? handshakeProblem(req, upgrade?.protocol);
    if (problem) throw problem;
    const method = isWebSocket(upgrade?.protocol ?? '')
      ? 'GET'
      : (this.#options.method ?? req.method ?? 'GET');
    const keepBytes = exchange.retry?.resends(method) ? exchange.retry.maxBodyBytes : 0;
    const body = upgrade?.body && new StreamedBody(upgrade.body, { keepBytes, ledger: this.#ledger });
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
      method,
      path: upstreamPath(to, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.headers(proxyOptions)(req, to, NO_FRAMING, method),
      body,
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
    this.#copies ??= new RequestCopies(this.#options.connections, this.#lost);
    this.#copies.send({
      target,
      method,
      path: upstreamPath(target, req.url ?? '/', proxyOptions.ignorePath ?? false),
      rawHeaders: this.#calls.headers(proxyOptions)(req, target, body ?? NO_FRAMING, method),
      body,
      to,
      ssl: proxyOptions.ssl,
    });
  }
}

/** For a request without a body. */
const NO_FRAMING = Object.freeze({});
