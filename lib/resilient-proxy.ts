import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { LiveApi } from './apis/live-api.js';
import { LiveApis, type UpdateReport } from './apis/live-apis.js';
import {
  type ResilientProxyConfig,
  type ResolvedConfig,
  resolveConfig,
  type SharedOptions,
} from './apis/options.js';
import type { Api, ApiParts } from './apis/part-list.js';
import { partFamilies } from './apis/part-views.js';
import { ownWriters, PartFactory, type PartSources } from './apis/parts.js';
import { pickApi } from './apis/pick-api.js';
import { SharedParts } from './apis/shared-parts.js';
import { differing, snapshotsOf } from './apis/shared-snapshots.js';
import { type SortedOptions, sortOptions } from './apis/sort-options.js';
import { type PlacedStage, withOwnStages } from './apis/stages.js';
import { breakerPart } from './breaker/breaker-part.js';
import type { CircuitRegistry } from './breaker/circuit-registry.js';
import { allEnded, Closing } from './core/closing.js';
import type { EgressStatus } from './core/egress-status.js';
import { ProxyError, shuttingDown } from './core/errors.js';
import { exchangeOf } from './core/exchange.js';
import { pipeline } from './core/pipeline.js';
import { readAheadLimit } from './core/read-ahead.js';
import { asProxyError, sendError } from './core/send-error.js';
import { explain } from './explain/explain.js';
import type { MetricsHandler } from './metrics/metrics.js';
import type { StatsHandler } from './stats/stats.js';
import { validateBody } from './validate-body/validate-body.js';
import { whenInTurn } from './websocket/in-turn.js';
import { taking } from './websocket/offers.js';
import { OpenSockets } from './websocket/open-sockets.js';
import { acceptedProtocol, WEBSOCKET } from './websocket/protocols.js';
import { refuseUpgrade } from './websocket/refuse-upgrade.js';
import { serveWithoutUpgrade } from './websocket/serve-without-upgrade.js';
import { ServerUpgrades } from './websocket/server-upgrades.js';
import { beginUpgrade, checkHandshake, takeUpgrade } from './websocket/upgrade.js';
import { upgradeRoutes } from './websocket/upgrade-routes.js';

export type { UpdateReport } from './apis/live-apis.js';
export type { Api, PartName } from './apis/part-list.js';

/** The middleware that {@link resilientProxy} returns. */
export interface ResilientProxy {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * Takes over a WebSocket: `server.on('upgrade', proxy.upgrade)`. Its handshake passes the same stages as a call,
   * except the cache. It sees the whole path: for a proxy below a mount path use {@link upgradeRoutes}. An upgrade to
   * a protocol that `upgrades` does not list is ignored: the request is served as any other (RFC 9110 §7.8).
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Sends every WebSocket client the close code 1001 (going away), and destroys the connections that are still open
   * after `graceMs`. A WebSocket that opens later gets the close code at once.
   */
  closeSockets(graceMs: number): Promise<void>;
  /**
   * Replaces the configuration while calls are in progress. A call ends with the configuration it began with. What an
   * API has learned (circuits, advertised limits, stored responses, egress proxies that are cooling down) is kept if
   * the options of that part and the API's target are unchanged, and so are listeners. Functions and instances among
   * the options count as unchanged only if they are the same object. Statistics go on under the API's name. Nothing
   * is deleted from Redis.
   *
   * @returns what changed; changes to blocks that all APIs share need a restart and are listed
   * @throws InvalidOptionError for a configuration that is wrong, or what a plugin or a client for Redis throws: the
   * configuration before stays then, all of it
   */
  update(config: ResilientProxyConfig): UpdateReport;
  /**
   * Closes connections and timers: calls in progress fail, later ones get 503 ERR_SHUTTING_DOWN, and WebSockets have
   * a second to close. A second call returns the same promise.
   */
  close(): Promise<void>;
  /** Every API by its name. The map stays the same object after an update; only its entries change. */
  readonly apis: ReadonlyMap<string, Api>;
  /** Every circuit of every API. */
  readonly circuits: CircuitRegistry;
  /** The statistics of every API; `undefined` if the configuration turns them off. */
  readonly stats: StatsHandler | undefined;
  /** What Prometheus scrapes; `undefined` unless the configuration turns it on. */
  readonly metrics: MetricsHandler | undefined;
  /** State of every egress proxy and every advertised limit. */
  egress(): EgressStatus;
}

/** What {@link resilientProxy} returns for a configuration that does not turn statistics off. */
export interface CountedProxy extends ResilientProxy {
  /** The statistics of every API. */
  readonly stats: StatsHandler;
}

/** A configuration that does not turn statistics off. */
export interface CountedConfig {
  /** Options of `stats()`, which counts every call. */
  stats?: Exclude<SharedOptions['stats'], false>;
}

/**
 * Puts resilience between the application and one or many APIs. With one, `{ name, target, … }`, every call below the
 * mount path goes to it. With many, `{ apis: { github: { target, … } }, defaults }`, the first path segment names the
 * API. Breaker and retry are on unless `false`. Errors are sent as JSON, `{ error, code }`.
 *
 * @throws InvalidOptionError with the option, its value and the nearest valid name
 */
export function resilientProxy(config: ResilientProxyConfig & CountedConfig): CountedProxy;
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy;
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy {
  const sockets = new OpenSockets();
  // Check all of the configuration before anything is opened.
  const { apis: configured, shared, single } = readConfig(config);
  const parts = new SharedParts(shared, {
    apis: [...configured.keys()],
    circuits: () => circuits.list(),
    sockets,
    egress,
  });
  const factory = new PartFactory(parts.redis, [...configured.values()], shared);
  const circuits: CircuitRegistry = factory.sharedOf(breakerPart);
  const live = new LiveApis(factory, (...api) => buildApi(parts, ...api));
  const { apis, current } = live;
  const sharedFrom = snapshotsOf(shared);
  const servers = new ServerUpgrades();
  const closing = new Closing();
  const state = { only: undefined as LiveApi | undefined };
  try {
    live.update(configured);
  } catch (error) {
    parts.close().catch(() => {});
    throw error;
  }
  choose(single);

  function resilientProxy(req: IncomingMessage, res: ServerResponse): void {
    const api = closing.begun ? shuttingDown() : (state.only ?? pickApi(current, req));
    const exchange = exchangeOf(req, res);
    if (api instanceof ProxyError) {
      exchange.error = api;
      sendError(req, res, api);
      return;
    }
    exchange.api = api.name;
    if (!state.only) exchange.mount = `/${api.name}`;
    if (api.ws) listen(req);
    api.enter(exchange);
    parts.stats?.watch(exchange, api.ownWriters);
    // The client left before the call got here: it is counted, and no stage runs.
    if (exchange.abandoned) return;
    api.handle(req, res, (error) => {
      exchange.error = asProxyError(error ?? notForwarded());
      sendError(req, res, exchange.error);
    });
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!takeUpgrade(req)) return;
    if (!takes(req)) return serveWithoutUpgrade(req, socket, head);
    whenInTurn(req, () => begin(req, socket, head));
  }

  /** Whether the API takes the protocol. WebSockets of an unknown one are taken to be refused. */
  function takes(req: IncomingMessage): boolean {
    const { url = '/' } = req;
    const api = state.only ?? pickApi(current, req);
    req.url = url;
    return acceptedProtocol(req, api instanceof ProxyError ? [WEBSOCKET] : api.upgrades) !== undefined;
  }

  function begin(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const api = closing.begun ? shuttingDown() : (state.only ?? pickApi(current, req));
    if (api instanceof ProxyError) return refuseUpgrade(socket, api);
    const exchange = beginUpgrade(req, socket, head, sockets, acceptedProtocol(req, api.upgrades));
    if (!exchange) return;
    exchange.api = api.name;
    api.enterSocket(socket);
    parts.stats?.watch(exchange);
    const { res } = exchange;
    api.upgrade(req, res, (error) => {
      exchange.error = sendError(req, res, error ?? notForwarded());
    });
  }

  function listen(req: IncomingMessage): void {
    servers.listen(req.socket, () => upgradeRoutes({ [mountPathOf(req)]: upgrade }));
  }

  function update(config: ResilientProxyConfig): UpdateReport {
    if (closing.begun) throw shuttingDown();
    const next = readConfig(config);
    const needsRestart = differing(sharedFrom, snapshotsOf(next.shared));
    const report = live.update(next.apis);
    choose(next.single);
    parts.stats?.configure([...apis.keys()]);
    return { ...report, needsRestart };
  }

  function choose(single: boolean): void {
    state.only = single ? [...current.values()][0] : undefined;
  }

  function egress(): EgressStatus {
    const all = [...apis.values()];
    return {
      proxies: all.flatMap(({ proxyRotate }) => proxyRotate?.status() ?? []),
      limits: all.flatMap(({ rateLimit }) => rateLimit?.status() ?? []),
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
  const { stats, metrics } = parts;
  const closeSockets = (graceMs: number) => sockets.close(graceMs);
  const close = () => closing.begin(closeAll);
  parts.metrics?.add(partFamilies(apis));
  taking(upgrade, takes);
  const controls = { upgrade, closeSockets, update, close, egress };
  return Object.assign(resilientProxy, { ...controls, apis, circuits, stats, metrics });
}

/** Time that WebSockets have to close. */
const GOODBYE_MS = 1000;

interface CheckedConfig extends Pick<ResolvedConfig, 'single' | 'shared'> {
  readonly apis: ReadonlyMap<string, SortedOptions>;
}

function readConfig(config: ResilientProxyConfig): CheckedConfig {
  const { single, apis, shared } = resolveConfig(config);
  const sorted = [...apis].map(([name, options]): [string, SortedOptions] => [
    name,
    sortOptions(single ? '' : `apis.${name}`, options),
  ]);
  return { single, apis: new Map(sorted), shared };
}

/** The one place that shows the order of the stages. */
function buildApi(
  { metrics, tracing }: SharedParts,
  name: string,
  options: SortedOptions,
  parts: ApiParts,
  sources: PartSources,
): LiveApi {
  const facts = { sources, ownWriters: ownWriters(options) };
  const readsAhead = options.rules.validateJson || options.cache !== false;
  const limitReadAhead = readsAhead ? readAheadLimit(options.forward.bodyTimeoutMs) : undefined;
  const explaining = options.explain ? explain(options.explain) : undefined;
  const { cache } = parts;
  return new LiveApi(name, parts, facts, (countDetached) => {
    // A call that an open circuit refuses waits for no quota, and takes none.
    const outward: PlacedStage[] = [
      ['breaker', parts.breaker],
      ['rateLimit', parts.rateLimit],
      ['retry', parts.retry],
      ['proxyRotate', parts.proxyRotate],
      ['forward', parts.forward],
    ];
    const calls: PlacedStage[] = [
      ['explain', explaining],
      ['tracing', tracing],
      ['metrics', metrics],
      ['validateBody', parts.forward.admission, limitReadAhead, validateBody(options.rules)],
      // Once more behind the cache, which makes calls of its own; no call is counted twice.
      ['cache', cache, ...(cache ? [explaining, tracing, metrics, countDetached] : [])],
      ...outward,
    ];
    const handshakes: PlacedStage[] = [
      ['explain'],
      ['tracing', tracing],
      ['metrics', metrics],
      ['validateBody', parts.forward.admission, checkHandshake],
      ['cache'],
      ...outward,
    ];
    return {
      ws: options.ws,
      upgrades: options.forward.upgrades ?? [WEBSOCKET],
      handle: pipeline(withOwnStages(options.stages, calls)),
      upgrade: pipeline(withOwnStages(options.stages, handshakes)),
    };
  });
}

/** The path at which Express has mounted it. */
function mountPathOf(req: IncomingMessage & { readonly baseUrl?: unknown }): string {
  return typeof req.baseUrl === 'string' && req.baseUrl !== '' ? req.baseUrl : '/';
}

const notForwarded = () => new ProxyError('ERR_BAD_REQUEST', 'The request path does not belong to this API');
