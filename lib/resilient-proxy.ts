import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { buildApi } from './apis/build-api.js';
import { Entrance } from './apis/entrance.js';
import { LiveApis, type UpdateReport } from './apis/live-apis.js';
import { liveFamilies } from './apis/live-families.js';
import type { ApisOf } from './apis/named-apis.js';
import type { ResilientProxyConfig } from './apis/options.js';
import type { Api } from './apis/part-list.js';
import { partFamilies } from './apis/part-views.js';
import { PartFactory } from './apis/parts.js';
import { mountOf } from './apis/shared-options.js';
import { SharedParts } from './apis/shared-parts.js';
import { differing, snapshotsOf } from './apis/shared-snapshots.js';
import type { SortedOptions } from './apis/sort-options.js';
import { SortedApis } from './apis/sorted-apis.js';
import { breakerPart } from './breaker/breaker-part.js';
import type { CircuitRegistry } from './breaker/circuit-registry.js';
import { allEnded, Closing } from './core/closing.js';
import type { EgressStatus } from './core/egress-status.js';
import { ProxyError, shuttingDown } from './core/errors.js';
import { type Exchange, exchangeOf, UNKNOWN_API } from './core/exchange.js';
import type { Machine } from './core/machine.js';
import { asProxyError, sendError } from './core/send-error.js';
import type { MetricsHandler } from './metrics/metrics.js';
import type { OtlpView } from './otlp/otlp-health.js';
import { type RedisView, redisView } from './redis/health.js';
import { requestIdsOf } from './request-id/request-ids.js';
import type { ResolvedSlo } from './stats/slo/slo-options.js';
import type { StatsHandler } from './stats/stats.js';
import { whenInTurn } from './websocket/in-turn.js';
import { taking } from './websocket/offers.js';
import { OpenSockets } from './websocket/open-sockets.js';
import { acceptedProtocol, WEBSOCKET } from './websocket/protocols.js';
import { refuseUpgrade } from './websocket/refuse-upgrade.js';
import { serveWithoutUpgrade } from './websocket/serve-without-upgrade.js';
import { ServerUpgrades } from './websocket/server-upgrades.js';
import { beginUpgrade, takeUpgrade } from './websocket/upgrade.js';
import { upgradeRoutes } from './websocket/upgrade-routes.js';

export type { UpdateReport } from './apis/live-apis.js';
export type { Api, PartName } from './apis/part-list.js';

/**
 * The middleware that {@link resilientProxy} returns. Its type knows the names of the APIs, and whether there are
 * statistics.
 */
export interface ResilientProxy<
  Apis extends ReadonlyMap<string, Api> = ReadonlyMap<string, Api>,
  Stats extends StatsHandler | undefined = StatsHandler | undefined,
> {
  /**
   * @param next called for a request that is not below the option `mount`, which is 404 without it. All others are
   * responded to, errors too
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * Takes over a WebSocket: `server.on('upgrade', proxy.upgrade)`. Its handshake passes the same stages as a call,
   * except the cache. It sees the whole path, of which it removes the option `mount`; without that option, a proxy
   * below a mount path needs {@link upgradeRoutes}. An upgrade to a protocol that `upgrades` does not list is ignored:
   * the request is served as any other (RFC 9110 §7.8).
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Sends every WebSocket client the close code 1001 (going away), and destroys the connections that are still open
   * after `graceMs`. A WebSocket that opens later gets the close code at once.
   */
  closeSockets(graceMs: number): Promise<void>;
  /**
   * Replaces the configuration while calls are in progress. A call ends with the configuration it began with. What an
   * API has learned is kept for the same target: open circuits, what was counted of limits and what the API has said of
   * them, requests in flight, and egress proxies that are cooling down go on under their new options. Stored responses and
   * listeners are kept if the options of their part are unchanged. Functions and instances among the options count as
   * unchanged only if they are the same object. Statistics go on under the API's name. Nothing is deleted from Redis.
   *
   * @returns what changed; changes to blocks that all APIs share need a restart and are listed
   * @throws InvalidOptionError for a configuration that is wrong, or what a plugin or a client for Redis throws: the
   * configuration before stays then, all of it
   */
  update(config: ResilientProxyConfig): UpdateReport;
  /**
   * Forgets what was learned and counted, as between two tests: closes the circuits, empties the caches, gives back
   * quotas and retry budgets, and forgets advertised limits, cool-downs, adaptive limits, statistics, and what was
   * forced. Configuration, listeners and connections stay, and so do metrics, whose counters must not go back. With
   * Redis, circuits and caches are reset for all processes; its quotas, limits and statistics stay. Let calls end
   * before: what they learn later counts.
   */
  reset(): Promise<void>;
  /**
   * Closes connections and timers: calls in progress fail, later ones get 503 ERR_SHUTTING_DOWN, and WebSockets have
   * a second to close. A second call returns the same promise.
   */
  close(): Promise<void>;
  /** Every API by its name. The map stays the same object after an update; only its entries change. */
  readonly apis: Apis;
  /** Every circuit of every API. */
  readonly circuits: CircuitRegistry;
  /** The statistics of every API; `undefined` if the configuration turns them off. */
  readonly stats: Stats;
  /** What Prometheus scrapes; `undefined` unless the configuration turns it on. */
  readonly metrics: MetricsHandler | undefined;
  /** State of every egress proxy and every advertised limit. */
  egress(): EgressStatus;
  /** How the connection to Redis is; `undefined` if the configuration has none. */
  readonly redis: RedisView | undefined;
  /** How sending by OTLP goes, of spans and of metrics. */
  readonly otlp: readonly OtlpView[];
}

/**
 * Puts resilience between the application and one or many APIs. With one, `{ name, target, … }`, every call below the
 * mount path goes to it. With many, `{ apis: { github: { target, … } }, defaults }`, the first path segment names the
 * API. Breaker and retry are on unless `false`. Errors are sent as JSON, `{ error, code }`.
 *
 * @throws InvalidOptionError with the option, its value and the nearest valid name
 */
export function resilientProxy<Name extends string, Off = never>(
  config: ResilientProxyConfig<Name, Off>,
): ResilientProxy<ApisOf<Name>, StatsHandler | (false extends Off ? undefined : never)>;
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy {
  return sharedProxy(config);
}

/** How the gateway differs from an application. */
interface Surroundings {
  /** What this process shares with the others of a gateway. */
  readonly machine?: Machine | undefined;
  /** The clients of a wrong path are not told which APIs there are. */
  readonly discreet?: boolean;
  /** What has checked the configuration already. */
  readonly sorted?: SortedApis | undefined;
}

/**
 * The same within the gateway.
 * @internal
 */
export function sharedProxy(
  config: ResilientProxyConfig,
  { machine, discreet = false, sorted = new SortedApis() }: Surroundings = {},
): ResilientProxy {
  const sockets = new OpenSockets();
  // Check all of the configuration before anything is opened.
  const { apis: configured, shared, single } = sorted.read(config);
  const parts = new SharedParts(shared, {
    apis: [...configured.keys()],
    circuits: () => circuits.list(),
    sockets,
    egress,
    machine,
  });
  const factory = new PartFactory(parts.redis, [...configured.values()], shared, machine);
  const circuits: CircuitRegistry = factory.sharedOf(breakerPart);
  const live = new LiveApis(factory, (...api) => buildApi(parts, ...api), sorted.owned);
  const { apis, current } = live;
  const sharedFrom = snapshotsOf(shared);
  const entrance = new Entrance(current, { mount: mountOf(shared), discreet });
  const ids = requestIdsOf(shared.requestId);
  const servers = new ServerUpgrades();
  const closing = new Closing();
  try {
    live.update(configured);
    observe(configured);
  } catch (error) {
    parts.close().catch(() => {});
    throw error;
  }
  choose(single);

  function resilientProxy(req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void {
    const below = entrance.enter(req);
    if (!below && next) return next();
    const api = closing.begun ? shuttingDown() : below ? entrance.apiOf(req) : entrance.notBelow();
    const exchange = exchangeOf(req, res);
    if (ids) exchange.requestId ??= ids.of(req);
    if (api instanceof ProxyError) return refuse(exchange, api);
    exchange.api = api.name;
    exchange.mount = entrance.removedFor(api);
    if (api.ws) listen(req);
    exchange.ownWriters = api.ownWriters;
    api.enter(exchange);
    parts.stats?.watch(exchange);
    // The client left before the call got here: it is counted, and no stage runs.
    if (exchange.abandoned) return;
    api.handle(req, res, (error) => {
      exchange.error = asProxyError(error ?? notForwarded());
      sendError(req, res, exchange.error);
    });
  }

  function refuse(exchange: Exchange, error: ProxyError): void {
    const { req, res } = exchange;
    exchange.error = error;
    if (error.code === 'ERR_UNKNOWN_API') {
      exchange.api = UNKNOWN_API;
      parts.metrics?.(req, res, () => {});
      parts.stats?.watch(exchange, true);
    }
    sendError(req, res, error);
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!takeUpgrade(req)) return;
    if (!entrance.takes(req)) return serveWithoutUpgrade(req, socket, head);
    whenInTurn(req, () => begin(req, socket, head));
  }

  function begin(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const api = closing.begun ? shuttingDown() : entrance.apiOf(req);
    const isUnknown = api instanceof ProxyError;
    if (isUnknown && api.code !== 'ERR_UNKNOWN_API') return refuseUpgrade(socket, api, ids?.of(req));
    const protocol = isUnknown ? WEBSOCKET : acceptedProtocol(req, api.upgrades);
    const exchange = beginUpgrade(req, socket, head, sockets, protocol);
    if (!exchange) return;
    if (ids) exchange.requestId ??= ids.of(req);
    if (isUnknown) return refuse(exchange, api);
    exchange.api = api.name;
    exchange.mount = entrance.removedFor(api);
    api.enterSocket(socket);
    parts.stats?.watch(exchange);
    api.upgrade(req, exchange.res, (error) => {
      exchange.error = sendError(req, exchange.res, error ?? notForwarded());
    });
  }

  function listen(req: IncomingMessage): void {
    servers.listen(req.socket, () => upgradeRoutes({ [mountPathOf(req, entrance.mount)]: upgrade }));
  }

  function update(config: ResilientProxyConfig): UpdateReport {
    if (closing.begun) throw shuttingDown();
    const next = sorted.read(config);
    const needsRestart = differing(sharedFrom, snapshotsOf(next.shared));
    const report = live.update(next.apis);
    choose(next.single);
    observe(next.apis);
    return { ...report, needsRestart };
  }

  async function reset(): Promise<void> {
    if (closing.begun) throw shuttingDown();
    circuits.reset();
    await live.reset();
    parts.stats?.reset();
  }

  function observe(all: ReadonlyMap<string, SortedOptions>): void {
    const slos = [...all].flatMap(([name, { slo }]): [string, ResolvedSlo][] => (slo ? [[name, slo]] : []));
    const names = [...all.keys()];
    parts.stats?.configure(names, new Map(slos));
    parts.metrics?.configure(names);
    if (parts.metrics) sockets.know(names);
  }

  function choose(single: boolean): void {
    entrance.only = single ? [...current.values()][0] : undefined;
  }

  function egress(): EgressStatus {
    const all = [...apis.values()];
    const quotas = all.flatMap(({ rateLimit }) => rateLimit?.quotas() ?? []);
    const lists = all.flatMap(({ proxyRotate }) => proxyRotate?.list() ?? []);
    return {
      ...(lists.length === 0 ? {} : { lists }),
      proxies: all.flatMap(({ proxyRotate }) => proxyRotate?.status() ?? []),
      limits: all.flatMap(({ rateLimit }) => rateLimit?.status() ?? []),
      ...(quotas.length > 0 && { quotas }),
    };
  }

  /** Whatever fails, the rest is closed. */
  async function closeAll(): Promise<void> {
    servers.close();
    await sockets.close(GOODBYE_MS);
    const ended = factory.closeAll();
    await ended.catch(() => {});
    await allEnded([ended, parts.close()]);
  }
  const { stats, metrics, otlp } = parts;
  const redis = parts.redis && redisView(parts.redis.health);
  const closeSockets = (graceMs: number) => sockets.close(graceMs);
  const close = () => closing.begin(closeAll);
  parts.metrics?.add([...partFamilies(apis), ...liveFamilies(current)]);
  taking(upgrade, (req) => entrance.takes(req));
  const upgradeBelow = entrance.mount === '' ? upgrade : upgradeRoutes({ [entrance.mount]: upgrade });
  const controls = { upgrade: upgradeBelow, closeSockets, update, reset, close, egress };
  return Object.assign(resilientProxy, { ...controls, apis, circuits, stats, metrics, redis, otlp });
}

/** Time that WebSockets have to close. */
const GOODBYE_MS = 1000;

/** The path at which Express has mounted it, and that of its own option below. */
function mountPathOf({ baseUrl }: IncomingMessage & { readonly baseUrl?: unknown }, mount: string): string {
  const path = typeof baseUrl === 'string' ? baseUrl : '';
  const whole = path.toLowerCase().endsWith(mount.toLowerCase()) ? path : path + mount;
  return whole === '' ? '/' : whole;
}

const notForwarded = () => new ProxyError('ERR_BAD_REQUEST', 'The request path does not belong to this API');
