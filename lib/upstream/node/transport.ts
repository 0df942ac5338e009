import type http from 'node:http';
import type { Readable } from 'node:stream';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from 'httpxy';
import { ProxyError } from '../../core/errors.js';
import type { DeadlineWheel } from '../deadline-wheel.js';
import { targetTls } from '../options/tls-options.js';
import { bodySource } from '../request/body-source.js';
import { lendFraming } from '../request/parsed-body.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { NodeAttempt, type NodeTools } from './attempt.js';
import { type OnFailure, tell, watchListeners } from './listeners.js';
import { NodePools } from './pools.js';

/**
 * Sends attempts through httpxy's own `web`, for options that need Node's `ClientRequest` or httpxy's
 * passes over the answer. It has a proxy server of its own, so that the events of an attempt that is
 * given up stay here; those of an accepted one go on to http-proxy-middleware's.
 */
export class NodeTransport {
  readonly #server: ProxyServer = createProxyServer({});
  readonly #users: ProxyServer;
  readonly #options: ConnectionOptions;
  readonly #pools: NodePools;
  readonly #tools: NodeTools;
  readonly #lost: OnFailure;
  #closed = false;

  /**
   * @param users http-proxy-middleware's server, on which its users listen
   * @param lost hears what their listeners fail with when the call is over
   */
  constructor(users: ProxyServer, options: ConnectionOptions, wheel: DeadlineWheel, lost: OnFailure) {
    this.#lost = lost;
    this.#pools = new NodePools(options.connections);
    const agentOf = ({ protocol }: URL) => this.#pools.of(protocol === 'https:');
    this.#tools = { wheel, brokenOff: () => this.#brokenOff(), agentOf };
    this.#options = options;
    this.#users = users;
    this.#passOn();
  }

  readonly send = (plan: Plan, listener: AttemptListener): Sending => {
    const { res } = plan.exchange;
    const attempt = new NodeAttempt(plan, listener, this.#options, this.#tools);
    const body = bodySource(
      plan,
      () => attempt.bodyWritten,
      (error) => attempt.hookFailed(error),
    );
    const options: MarkedOptions = this.#proxyOptions(plan, body);
    // httpxy hands a copy of the options back with its request, which tells the attempt that it is for.
    options[ATTEMPT] = attempt;
    this.#server.web(attempt.clientRequest, res, options).then(attempt.closed, attempt.fail);
    attempt.adoptListeners();
    return attempt;
  };

  /** What an attempt fails with whose connection closed and told no reason. */
  #brokenOff(): Error {
    return this.#closed
      ? new ProxyError('ERR_SHUTTING_DOWN', 'The proxy is shutting down')
      : Object.assign(new Error('The connection closed'), { code: 'ECONNRESET' });
  }

  close(): void {
    this.#closed = true;
    this.#pools.close();
  }

  #proxyOptions(plan: Plan, body: Readable): ProxyServerOptions {
    const { proxyOptions, target, egress } = plan;
    const encrypted = target.origin.startsWith('https:');
    const agent = egress?.agent ?? proxyOptions.agent ?? this.#pools.of(encrypted);
    const options: ProxyServerOptions = {
      ...proxyOptions,
      agent,
      buffer: body,
      // The copy is sent by us, once for all attempts.
      forward: undefined,
      // httpxy would add a listener to the client's connection for each of its calls.
      timeout: undefined,
    };
    // A new object each time, for httpxy writes into it. Without the name Node takes it from the Host field.
    if (encrypted)
      options.ssl = {
        servername: target.servername ?? '',
        ...targetTls(proxyOptions),
        ...proxyOptions.ssl,
      };
    return options;
  }

  #passOn(): void {
    const server = this.#server;
    const users = this.#users;
    server.on('proxyReq', (proxyReq: MarkedRequest, _req, res, options: MarkedOptions) => {
      const attempt = options[ATTEMPT];
      proxyReq[ATTEMPT] = attempt;
      if (!attempt?.begin(proxyReq, options) || users.listenerCount('proxyReq') === 0) return;
      const failed = this.#failing(attempt);
      watchListeners(proxyReq, 'on.proxyReq', failed);
      const takeBack = lendFraming(proxyReq, attempt.plan);
      void tell(users, 'proxyReq', [proxyReq, attempt.req, res, options], failed);
      takeBack?.();
      attempt.bodyWritten = proxyReq.headersSent;
    });
    server.on('proxyRes', (proxyRes, _req, res) => {
      const attempt = attemptOf(proxyRes);
      if (!attempt?.judge(proxyRes)) return;
      if (users.listenerCount('proxyRes') === 0) return attempt.spareLocation(proxyRes);
      const failed = this.#failing(attempt, proxyRes);
      watchListeners(proxyRes, 'on.proxyRes', failed);
      void tell(users, 'proxyRes', [proxyRes, attempt.req, res], failed);
      attempt.spareLocation(proxyRes);
    });
    server.on('end', (_req, res, proxyRes) => {
      const attempt = attemptOf(proxyRes);
      if (attempt?.end(proxyRes))
        void tell(users, 'end', [attempt.req, res, proxyRes], this.#failing(attempt));
    });
    server.on(
      'econnreset',
      (error, _req, res, target) => void tell(users, 'econnreset', [error, res.req, res, target], this.#lost),
    );
  }

  #failing(attempt: NodeAttempt, proxyRes?: http.IncomingMessage): OnFailure {
    return (error) => {
      if (attempt.open) attempt.hookFailed(error, proxyRes);
      else this.#lost(error);
    };
  }
}

const ATTEMPT: unique symbol = Symbol('attempt');

type MarkedOptions = ProxyServerOptions & { [ATTEMPT]?: NodeAttempt };
type MarkedRequest = http.ClientRequest & { [ATTEMPT]?: NodeAttempt | undefined };

/** Node's client keeps the request on its answer, though its types do not say so. */
function attemptOf(proxyRes: http.IncomingMessage & { req?: MarkedRequest }): NodeAttempt | undefined {
  return proxyRes.req?.[ATTEMPT];
}
