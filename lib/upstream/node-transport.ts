import http from 'node:http';
import https from 'node:https';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from 'httpxy';
import { ProxyError } from '../errors.js';
import type { Egress } from '../exchange.js';
import { bodySource, NodeAttempt } from './node-attempt.js';
import type { AttemptListener, Cancel, UpstreamRequest } from './transport.js';
import type { ConnectionOptions } from './undici-transport.js';

/**
 * Sends attempts through httpxy's own `web`, for options that need Node's `ClientRequest` or httpxy's
 * passes over the answer. It has a proxy server of its own, so that the events of an attempt that is
 * given up stay here; those of an accepted one go on to http-proxy-middleware's.
 */
export class NodeTransport {
  readonly #server: ProxyServer = createProxyServer({});
  readonly #running = new WeakMap<http.IncomingMessage, NodeAttempt>();
  readonly #options: ConnectionOptions;
  readonly #http: http.Agent;
  readonly #https: https.Agent;
  #closed = false;

  /** @param users http-proxy-middleware's server, on which its users listen */
  constructor(users: ProxyServer, options: ConnectionOptions) {
    this.#options = options;
    // Not httpxy's: they are shared by the whole process and nobody could close them.
    const pool = { keepAlive: true, maxSockets: options.connections, maxFreeSockets: options.connections };
    this.#http = new http.Agent(pool);
    this.#https = new https.Agent(pool);
    this.#passOn(users);
  }

  readonly send = (
    request: UpstreamRequest,
    egress: Egress | undefined,
    listener: AttemptListener,
  ): Cancel => {
    const { req, res } = request.exchange;
    const attempt = new NodeAttempt(request, listener, this.#options, this.#brokenOff);
    this.#running.set(req, attempt);
    // It was answered here; with it httpxy would not tell of its request before it is sent.
    delete req.headers.expect;
    this.#server.web(req, res, this.#proxyOptions(request, egress)).then(attempt.closed, attempt.fail);
    attempt.adoptListeners();
    return attempt.cancel;
  };

  /** What an attempt fails with whose connection closed and told no reason. */
  readonly #brokenOff = (): Error =>
    this.#closed
      ? new ProxyError('ERR_SHUTTING_DOWN', 'The proxy is shutting down')
      : Object.assign(new Error('The connection closed'), { code: 'ECONNRESET' });

  close(): void {
    this.#closed = true;
    this.#http.destroy();
    this.#https.destroy();
  }

  #proxyOptions(request: UpstreamRequest, egress: Egress | undefined): ProxyServerOptions {
    const { proxyOptions, target, method, exchange } = request;
    const encrypted = target.origin.startsWith('https:');
    const agent = egress?.agent ?? proxyOptions.agent ?? (encrypted ? this.#https : this.#http);
    const options: ProxyServerOptions = { ...proxyOptions, agent, buffer: bodySource(request) };
    // A new object each time, for httpxy writes into it. Without the name Node takes it from the Host field.
    if (encrypted) options.ssl = { servername: target.servername ?? '', ...proxyOptions.ssl };
    if (method !== exchange.req.method) Object.assign(options, { method });
    return options;
  }

  #passOn(users: ProxyServer): void {
    const server = this.#server;
    server.on('start', (req, res, target) => {
      if (this.#running.get(req)?.isFirst) users.emit('start', req, res, target);
    });
    server.on('proxyReq', (proxyReq, req, res, options) => {
      const attempt = this.#running.get(req);
      if (!attempt?.begin(proxyReq, options)) return;
      attempt.guard(() => users.emit('proxyReq', proxyReq, req, res, options));
    });
    server.on('proxyRes', (proxyRes, req, res) => {
      const attempt = this.#running.get(req);
      if (!attempt?.judge(proxyRes)) return;
      attempt.guard(() => users.emit('proxyRes', proxyRes, req, res), proxyRes);
    });
    server.on('end', (req, res, proxyRes) => {
      if (this.#running.get(req)?.end(proxyRes)) users.emit('end', req, res, proxyRes);
    });
    server.on('econnreset', (error, req, res, target) => users.emit('econnreset', error, req, res, target));
  }
}
