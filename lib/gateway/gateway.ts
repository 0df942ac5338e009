import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ManyApisConfig } from '../apis/options.js';
import type { LoadedConfig } from '../config/load-config.js';
import type { GatewaySettings } from '../config/schema.js';
import { Closing } from '../core/closing.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import { knownExchange } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { type ResilientProxy, resilientProxy } from '../resilient-proxy.js';
import { methodNotAllowed } from '../upstream/request/admission.js';
import { takenBy } from '../websocket/offers.js';
import { NO_WEBSOCKET, refuseUpgrade } from '../websocket/refuse-upgrade.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { meansWebSocket, returnUpgrade, takeUpgrade } from '../websocket/upgrade.js';
import { adminCheck } from './access.js';
import { adminApp } from './admin-app.js';
import { ConfigStatus, safeMessage } from './config-status.js';
import { dashboardRoutes } from './dashboard-routes.js';
import { fixedSettings, liveSettings } from './live-settings.js';
import type { Logger } from './logger.js';
import { drain, openSockets } from './shutdown.js';
import { logStates } from './state-log.js';

/** What a {@link Gateway} is built from. */
export interface GatewayOptions {
  readonly config: ManyApisConfig;
  readonly gateway: GatewaySettings;
  readonly logger: Logger;
  /** Shown by the verbose health check. */
  readonly warnings?: readonly string[];
  /** Shown by the verbose health check. */
  readonly version?: string;
  /** Token that clients send for the admin routes; without it only clients on this machine may use them. */
  readonly adminToken?: string | undefined;
}

/** The stand-alone gateway: `/api/<name>/<path>` and the admin routes on one server. */
export interface Gateway {
  readonly server: Server;
  readonly proxy: ResilientProxy;
  /** Resolves with the URL once it listens; rejects with the error of the socket. */
  listen(): Promise<string>;
  /**
   * Applies another configuration while calls are in progress. If it cannot be loaded or is not valid, the error is
   * logged and the current one stays in service. It never throws.
   * @param load reads the configuration, and may throw
   */
  reload(load: () => LoadedConfig): void;
  /** Lets the calls in progress end, answers new ones with 503 ERR_SHUTTING_DOWN, and frees everything. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 64 * 1024;
/** How often Node looks for clients that are late with their headers. */
const CHECK_EVERY_MS = 2000;
const API = '/api/';
const MOUNT_LENGTH = API.length - 1;
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/** Builds the gateway; it does not listen yet. @throws InvalidOptionError */
export function createGateway(options: GatewayOptions): Gateway {
  const { config, gateway: settings, logger, version = '', adminToken } = options;
  const proxy = resilientProxy(withMetrics(config));
  const status = new ConfigStatus();
  proxy.metrics?.add(status.families());
  const startedAt = performance.now();
  const closing = new Closing();
  const state = {
    opening: undefined as Promise<string> | undefined,
    warnings: options.warnings ?? [],
  };
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: settings.headersTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    // An upload may take as long as it flows.
    requestTimeout: 0,
  });
  const sockets = openSockets(server);
  let live = liveSettings(settings, settings.host, logger);
  const dashboards = dashboardRoutes(proxy, logger, Boolean(adminToken));
  const admin = lazily(() =>
    adminApp({
      dashboards,
      proxy,
      warnings: () => state.warnings,
      config: status,
      version,
      logger,
      startedAt,
      admin: adminCheck(adminToken),
      actions: Boolean(adminToken),
      closing: () => closing.begun,
    }),
  );
  const logNewParts = logStates(proxy, logger);

  function serve(req: IncomingMessage, res: ServerResponse): void {
    const url = req.url ?? '/';
    const reason = live.refused?.(req.headers.host, header(req, 'sec-fetch-site'));
    if (reason !== undefined) sendError(req, res, new ProxyError('ERR_FORBIDDEN', reason));
    else if (url.startsWith(API)) {
      // Before Express: its setPrototypeOf on each message costs more than the rest of the call.
      // As Connect and Express leave it.
      Object.assign(req, { originalUrl: url });
      req.url = url.slice(MOUNT_LENGTH);
      proxy(req, res);
      knownExchange(req)?.onSettled(live.logCall);
    } else if (ABSOLUTE_FORM.test(url)) {
      req.url = originOf(url);
      serve(req, res);
    } else admin()(req, res);
  }

  function serveLast(req: IncomingMessage, res: ServerResponse): void {
    res.setHeader('Connection', 'close');
    req.url = originOf(req.url ?? '/');
    if (req.url.startsWith(API)) sendError(req, res, shutDownError());
    else serve(req, res);
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A refused upgrade must not reach an API that listens for upgrades by itself.
    if (!takeUpgrade(req)) return;
    const { url: line = '/' } = req;
    const url = originOf(line);
    const isCall = url.startsWith(API);
    if (isCall) req.url = url.slice(MOUNT_LENGTH);
    const taken = isCall ? takenBy(proxy.upgrade)?.(req) : meansWebSocket(req);
    if (!taken) {
      req.url = line;
      return serveWithoutUpgrade(req, socket, head);
    }
    const { host, origin } = req.headers;
    const reason = live.refused?.(host, header(req, 'sec-fetch-site'), origin);
    const error = closing.begun ? shutDownError() : reason && new ProxyError('ERR_FORBIDDEN', reason);
    if (error) return refuseUpgrade(socket, error);
    if (!isCall) return refuseUpgrade(socket, NO_WEBSOCKET);
    returnUpgrade(req);
    proxy.upgrade(req, socket, head);
    knownExchange(req)?.onSettled(live.logCall);
  }
  // Without a listener Node closes the connection without a response.
  server.on('connect', (_req, socket) => refuseUpgrade(socket, methodNotAllowed('CONNECT')));
  server.on('request', serve).on('upgrade', upgrade);

  function reload(load: () => LoadedConfig): void {
    if (closing.begun) return;
    try {
      const { config, gateway: now, warnings } = load();
      const next = liveSettings(now, settings.host, logger);
      const { needsRestart, ...report } = proxy.update(withMetrics(config));
      live = next;
      const fixed = [...fixedSettings(settings, now), ...needsRestart];
      state.warnings = [...warnings, ...fixed.map((name) => `${name} takes effect at the next start`)];
      logNewParts();
      status.succeeded();
      logger.info(report, 'configuration reloaded');
      for (const warning of state.warnings) logger.warn(warning);
    } catch (err) {
      const message = safeMessage(err);
      status.failed(message ?? 'it could not be put in service');
      logger.error(
        message === undefined ? { err } : {},
        `the configuration was not reloaded, the one before stays: ${message ?? 'see err'}`,
      );
    }
  }

  function listen(): Promise<string> {
    if (closing.begun) return Promise.reject(shutDownError());
    state.opening = listening(server, settings).then((url) => {
      if (closing.begun) throw shutDownError();
      return url;
    });
    return state.opening;
  }

  async function shutDown(): Promise<void> {
    // Their live streams would keep connections open until the timeout.
    dashboards.close();
    server.off('request', serve).on('request', serveLast);
    void proxy.closeSockets(Math.min(GOODBYE_MS, live.shutdownTimeoutMs));
    // A server whose address is still looked up cannot be closed.
    await state.opening?.catch(() => {});
    const cut = server.listening ? await drain(server, sockets, live.shutdownTimeoutMs) : 0;
    if (cut > 0) logger.warn({ connections: cut }, 'connections were cut off after server.shutdownTimeoutMs');
    await proxy.close();
  }
  return {
    server,
    proxy,
    listen,
    reload,
    close: () => closing.begin(shutDown),
  };
}

const withMetrics = (config: ManyApisConfig): ManyApisConfig => ({ metrics: { eventLoop: true }, ...config });

function listening(server: Server, { host, port }: GatewaySettings): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => {
      server.off('error', reject);
      // A server that listens on a TCP port has an address of this type.
      const { port: bound } = server.address() as AddressInfo;
      const shown = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
      resolve(`http://${shown}:${bound}`);
    });
  });
}

function originOf(url: string): string {
  const path = url.replace(ABSOLUTE_FORM, '');
  return path.startsWith('/') ? path : `/${path}`;
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** How long WebSockets may take for their closing handshake. */
const GOODBYE_MS = 5000;

const shutDownError = () => shuttingDown('The gateway is shutting down');
