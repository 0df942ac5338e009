import type http from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from 'httpxy';
import { dialTelling } from '../../core/agent-with.js';
import { shuttingDown } from '../../core/errors.js';
import { targetTls } from '../options/tls-options.js';
import type { PoolUse } from '../pool-use.js';
import { bodySource } from '../request/body-source.js';
import { lendFraming } from '../request/parsed-body.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { NodeAttempt, type NodeTools } from './attempt.js';
import { endsConnection } from './connection.js';
import { noteChanges, notify, type OnFailure, watchListeners } from './listeners.js';
import { NodePools } from './pools.js';

/**
 * Sends attempts through httpxy's own `web`, for options that need Node's `ClientRequest` or httpxy's processing of
 * responses. It has a proxy server of its own, so that the events of a discarded attempt are not seen outside. Those
 * of an accepted one are passed on to http-proxy-middleware's server.
 */
export class NodeTransport {
  readonly #server: ProxyServer = createProxyServer({});
  readonly #users: ProxyServer;
  readonly #options: ConnectionOptions;
  readonly #pools: NodePools;
  readonly #tools: NodeTools;
  readonly #lost: OnFailure;
  readonly #openedAt = new WeakMap<Socket, number>();
  #closed = false;

  /**
   * @param users http-proxy-middleware's server, on which its users listen
   * @param lost called with what their listeners fail with after the call
   */
  constructor(users: ProxyServer, options: ConnectionOptions, lost: OnFailure) {
    this.#lost = lost;
    this.#pools = new NodePools(options.connections, options.maxConnectionAgeMs, options.insecureHTTPParser);
    const agentOf = ({ protocol }: URL) => this.#pools.of(protocol === 'https:');
    this.#tools = { brokenOff: () => this.#brokenOff(), agentOf };
    this.#options = options;
    this.#users = users;
    this.#passOn();
  }

  /** Its connections, without those through egress proxies. */
  use(): PoolUse {
    return this.#pools.use();
  }

  readonly send = (plan: Plan, listener: AttemptListener): Sending => {
    const { res } = plan.exchange;
    const attempt = new NodeAttempt(plan, listener, this.#options, this.#tools);
    const options: MarkedOptions = this.#proxyOptions(plan, () => attempt.bodyWritten);
    // The time until the egress proxy has made a connection is not spent waiting for a free one.
    if (plan.egress) options.agent = dialTelling(plan.egress.agent, () => listener.connecting());
    if (options.buffer instanceof Readable) {
      // httpxy does not listen for errors here, which would end the process.
      options.buffer.on('error', (error) => attempt.hookFailed(error));
    }
    // httpxy passes a copy of the options along with its request, which identifies the attempt.
    options[ATTEMPT] = attempt;
    this.#server.web(attempt.clientRequest, res, options).then(attempt.closed, attempt.fail);
    attempt.begun();
    return attempt;
  };

  /** The error for a connection that closed without giving a reason. */
  #brokenOff(): Error {
    return this.#closed
      ? shuttingDown()
      : Object.assign(new Error('The connection closed'), { code: 'ECONNRESET' });
  }

  /** Closes idle connections. */
  closeIdle(): void {
    this.#pools.closeIdle();
  }

  close(): void {
    this.#closed = true;
    this.#pools.close();
  }

  #proxyOptions(plan: Plan, bodyWritten: () => boolean): ProxyServerOptions {
    const { proxyOptions, target, egress } = plan;
    const encrypted = target.origin.startsWith('https:');
    const agent = egress?.agent ?? proxyOptions.agent ?? this.#pools.of(encrypted);
    const options: ProxyServerOptions = {
      ...proxyOptions,
      agent,
      buffer: bodySource(plan, bodyWritten),
      ...NOT_HTTPXYS,
      ...(plan.method === 'TRACE' ? NO_CREDENTIALS : {}),
    };
    // A new object each time, since httpxy writes into it. Without `servername` Node takes the name from the Host
    // header.
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
      if (attempt?.plan.egress) this.#limitAge(proxyReq);
      if (!attempt?.begin(proxyReq, options) || users.listenerCount('proxyReq') === 0) return;
      const failed = this.#failing(attempt);
      watchListeners(proxyReq, 'on.proxyReq', failed);
      const before = proxyReq.getHeaders();
      const takeBack = lendFraming(proxyReq, attempt.plan);
      void notify(users, 'proxyReq', [proxyReq, attempt.req, res, options], failed);
      takeBack?.();
      noteChanges(attempt.plan.exchange, before, proxyReq.getHeaders());
      attempt.bodyWritten = proxyReq.headersSent;
      // One that a listener gives a GET is as unexpected as a client's.
      if (attempt.bodyWritten && endsConnection(proxyReq.method, true)) proxyReq.shouldKeepAlive = false;
    });
    server.on('proxyRes', (proxyRes, _req, res) => {
      const attempt = attemptOf(proxyRes);
      if (!attempt?.judge(proxyRes)) return;
      if (users.listenerCount('proxyRes') > 0) {
        const failed = this.#failing(attempt, proxyRes);
        watchListeners(proxyRes, 'on.proxyRes', failed);
        void notify(users, 'proxyRes', [proxyRes, attempt.req, res], failed);
      }
      attempt.keepLocation(proxyRes);
      attempt.passing();
    });
    server.on('end', (_req, res, proxyRes) => {
      const attempt = attemptOf(proxyRes);
      if (attempt?.end(proxyRes))
        void notify(users, 'end', [attempt.req, res, proxyRes], this.#failing(attempt));
    });
    server.on(
      'econnreset',
      (error, _req, res, target) =>
        void notify(users, 'econnreset', [error, res.req, res, target], this.#lost),
    );
  }

  /** The agent of an egress proxy serves many, and knows nothing of the age that a connection may have here. */
  #limitAge(proxyReq: http.ClientRequest): void {
    const { maxConnectionAgeMs } = this.#options;
    const { socket } = proxyReq;
    if (!socket || maxConnectionAgeMs === Number.POSITIVE_INFINITY) return;
    const openedAt = this.#openedAt.get(socket) ?? performance.now();
    this.#openedAt.set(socket, openedAt);
    // Whether the connection is kept is decided at the end of the response.
    proxyReq.once('response', () => {
      if (performance.now() - openedAt >= maxConnectionAgeMs) proxyReq.shouldKeepAlive = false;
    });
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

/** Node stores the request on its response, though its types do not say so. */
function attemptOf(proxyRes: http.IncomingMessage & { req?: MarkedRequest }): NodeAttempt | undefined {
  return proxyRes.req?.[ATTEMPT];
}

/** What httpxy does not do for this transport. To it `undefined` means the same as to leave one out. */
const NOT_HTTPXYS: object = {
  // Copies are sent by RequestCopies, once for all attempts.
  forward: undefined,
  // httpxy would add a listener to the client's connection for each call.
  timeout: undefined,
  // The plan's headers have them already, where they are to be sent.
  xfwd: undefined,
};

const NO_CREDENTIALS: object = { headers: undefined, auth: undefined };
