import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadedConfig } from '../config/load-config.js';
import { Closing } from '../core/closing.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import { type Exchange, knownExchange } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { buildFamily, processFamilies } from '../metrics/process-families.js';
import { requestIdsOf } from '../request-id/request-ids.js';
import { sharedProxy } from '../resilient-proxy.js';
import { takenBy } from '../websocket/offers.js';
import { NO_WEBSOCKET, refuseUpgrade } from '../websocket/refuse-upgrade.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { meansWebSocket, returnUpgrade, takeUpgrade } from '../websocket/upgrade.js';
import { AdminSite } from './admin-site.js';
import { logWhenCut } from './call-log.js';
import { CallTroubles } from './call-troubles.js';
import { ConfigStatus, safeMessage } from './config-status.js';
import { limitConnections } from './connection-limit.js';
import { dashboardRoutes } from './dashboard-routes.js';
import type { Gateway, GatewayOptions } from './gateway-options.js';
import { gatewayServer } from './gateway-server.js';
import { gatewayStatus } from './gateway-status.js';
import { listening } from './listen.js';
import { fixedSettings, liveSettings } from './live-settings.js';
import { logFamilies } from './log-status.js';
import { OpenResponses } from './open-responses.js';
import { withPresets } from './presets.js';
import { tellId } from './request-id.js';
import { header, isAbsolute, isLastOfItsConnection, originOf } from './request-line.js';
import { drain, openConnections } from './shutdown.js';
import { logStates } from './state-log.js';
import { TokenThrottle } from './token-throttle.js';

export type { Gateway, GatewayOptions } from './gateway-options.js';

const API = '/api/';
const MOUNT_LENGTH = API.length - 1;

/** Builds the gateway; it does not listen yet. @throws InvalidOptionError */
export function createGateway(options: GatewayOptions): Gateway {
  const { config, gateway: settings, logger, version = '', tokens = {}, socket, process: own } = options;
  const { sorted } = options;
  const proxy = sharedProxy(withPresets(config), { machine: own?.machine, discreet: true, sorted });
  const status = new ConfigStatus();
  proxy.metrics?.add([
    ...[...status.families(), ...logFamilies(options.log)],
    ...[buildFamily(version), ...processFamilies()],
  ]);
  const startedAt = performance.now();
  const ids = requestIdsOf(withPresets(config).requestId);
  const closing = new Closing();
  const state = {
    opening: undefined as Promise<string> | undefined,
    warnings: options.warnings ?? [],
    listens: true,
  };
  const server = gatewayServer(settings, own !== undefined && !own.admin);
  const connections = openConnections(server);
  const responses = new OpenResponses();
  let site = { bound: settings, logger, throttle: new TokenThrottle(), callThrottle: new TokenThrottle() };
  let live = liveSettings(settings, tokens, site);
  server.maxRequestsPerSocket = live.maxRequestsPerSocket;
  const troubles = new CallTroubles(logger, proxy.apis, config);
  const shown = gatewayStatus(proxy, own?.machine, troubles);
  const actions = Boolean(tokens.admin);
  const admin = () => live.admin;
  const dashboards = dashboardRoutes({ proxy, egress: shown.egress, logger, actions, admin });
  const adminSite = new AdminSite({
    place: settings.admin,
    ids,
    origin: () => live.adminRefused,
    sources: {
      dashboards,
      status: shown,
      proxy,
      warnings: () => state.warnings,
      config: status,
      log: options.log,
      version,
      logger,
      startedAt,
      machineProblems: () => own?.problems?.() ?? [],
      admin,
      actions,
      closing: () => closing.begun,
      requiresRedis: () => live.requiresRedis,
    },
  });
  const isWorker = own !== undefined && !own.machine.primary;
  // The connections of a primary are those that its workers have accepted.
  if (!own?.machine.primary) limitConnections(server, connections, () => live.maxConnections, logger);
  const logNewParts = logStates(proxy, logger, { isWorker });

  function serve(req: IncomingMessage, res: ServerResponse): void {
    const url = req.url ?? '/';
    if (live.maxRequestsPerSocket > 0 && isLastOfItsConnection(res)) responses.sayClose(res);
    const { host, origin } = req.headers;
    const reason = live.refused?.(host, header(req, 'sec-fetch-site'), origin);
    if (reason !== undefined) {
      tellId(req, res, ids);
      sendError(req, res, new ProxyError('ERR_FORBIDDEN', reason));
    } else if (url.startsWith(API)) {
      // Before Express: its setPrototypeOf on each message costs more than the rest of the call.
      // As Connect and Express leave it.
      Object.assign(req, { originalUrl: url });
      req.url = url.slice(MOUNT_LENGTH);
      live.dropTokens?.(req);
      proxy(req, res);
      const exchange = knownExchange(req);
      if (!exchange) return;
      responses.addCall(exchange);
      exchange.onSettled(settled);
    } else if (isAbsolute(url)) {
      req.url = originOf(url);
      serve(req, res);
    } else {
      responses.add(res);
      if (own?.admin) own.admin.handle(req, res);
      else adminSite.handle(req, res);
    }
  }

  function settled(exchange: Exchange): void {
    responses.deleteCall(exchange);
    live.logCall(exchange);
    troubles.ended(exchange, live.clientOf);
  }

  function upgraded(exchange: Exchange): void {
    live.logCall(exchange);
    logWhenCut(exchange, logger);
  }

  function serveLast(req: IncomingMessage, res: ServerResponse): void {
    if (responses.sayClose(res)) serve(req, res);
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
    const reason = live.refused?.(host, header(req, 'sec-fetch-site'), origin, true);
    const error = !state.listens ? shutDownError() : reason && new ProxyError('ERR_FORBIDDEN', reason);
    if (error) return refuseUpgrade(socket, error, ids?.of(req));
    if (!isCall) return refuseUpgrade(socket, NO_WEBSOCKET, ids?.of(req));
    returnUpgrade(req);
    live.dropTokens?.(req);
    troubles.upgrade(req, url.slice(MOUNT_LENGTH), live.clientOf);
    proxy.upgrade(req, socket, head);
    knownExchange(req)?.onSettled(upgraded);
  }
  server.on('request', serve).on('upgrade', upgrade);

  function reload(load: () => LoadedConfig & Pick<GatewayOptions, 'tokens'>): boolean {
    if (closing.begun) return false;
    try {
      const { config, gateway: now, warnings, tokens: nowTokens = tokens } = load();
      const next = liveSettings(now, nowTokens, site);
      const { needsRestart, ...report } = proxy.update(withPresets(config));
      troubles.updated(config, report);
      live = next;
      server.maxRequestsPerSocket = next.maxRequestsPerSocket;
      const fixed = [...fixedSettings(settings, now), ...needsRestart];
      state.warnings = [...warnings, ...fixed.map((name) => `${name} takes effect at the next start`)];
      logNewParts();
      status.succeeded();
      // The primary has said so for all.
      if (isWorker) return true;
      logger.info(report, 'configuration reloaded');
      for (const warning of state.warnings) logger.warn(warning);
      return true;
    } catch (err) {
      const message = safeMessage(err);
      status.failed(message ?? 'it could not be put in service');
      logger.error(
        message === undefined ? { err } : {},
        `the configuration was not reloaded, the one before stays: ${message ?? 'see err'}`,
      );
      return false;
    }
  }

  function listen(): Promise<string> {
    if (closing.begun) return Promise.reject(shutDownError());
    state.opening = open();
    return state.opening;
  }

  async function open(): Promise<string> {
    if (!isWorker) await adminSite.listen();
    const { url, host } = await listening(server, { ...settings, socket });
    if (closing.begun) throw shutDownError();
    if (socket !== undefined) boundTo(host);
    return url;
  }

  function boundTo(host: string): void {
    site = { ...site, bound: { ...site.bound, host } };
    live = live.at(host);
  }

  async function shutDown(): Promise<void> {
    server.off('request', serve).on('request', serveLast);
    responses.leave();
    // A server whose address is still looked up cannot be closed.
    await state.opening?.catch(() => {});
    await own?.leave?.();
    if (server.listening) await stopListening();
    else dashboards.close();
    await adminSite.close();
    await proxy.close();
    const calls = proxy.stats?.health().unsent ?? 0;
    if (calls > 0)
      logger.warn({ calls }, 'figures of calls were given up, since Redis did not take them in time');
  }

  async function stopListening(): Promise<void> {
    const { drainDelayMs: set } = live;
    const delayMs = set === 'auto' ? (isConnected() ? DRAIN_DELAY_MS : 0) : set;
    if (delayMs > 0) await sleep(delayMs);
    state.listens = false;
    // Their live streams would keep connections open until the timeout.
    dashboards.close();
    own?.admin?.close();
    const { shutdownTimeoutMs } = live;
    void proxy.closeSockets(Math.min(GOODBYE_MS, shutdownTimeoutMs));
    const cut = await drain({ server, connections, responses }, shutdownTimeoutMs, shutDownError);
    if (cut.connections > 0) logger.warn(cut, 'connections were cut off after server.shutdownTimeoutMs');
  }

  const isConnected = () => [...connections.keys()].some(({ destroyed }) => !destroyed);
  return {
    server,
    proxy,
    listen,
    boundTo,
    listenForAdmin: () => adminSite.listen(),
    reload,
    close: () => closing.begin(shutDown),
  };
}

/** How long it goes on listening where a client is connected, so that balancers hear that it is leaving. */
const DRAIN_DELAY_MS = 1000;
/** How long WebSockets may take for their closing handshake. */
const GOODBYE_MS = 5000;

const shutDownError = () => shuttingDown('The gateway is shutting down');
