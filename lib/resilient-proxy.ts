import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Api } from './apis/api.js';
import { LiveApi } from './apis/live-api.js';
import { LiveApis, type UpdateReport } from './apis/live-apis.js';
import {
  type ResilientProxyConfig,
  type ResolvedConfig,
  resolveConfig,
  type SharedOptions,
} from './apis/options.js';
import { type ApiParts, ownWriters, PartFactory, type PartSources } from './apis/parts.js';
import { optionsSnapshot, sameOptions } from './apis/same-options.js';
import { SharedParts } from './apis/shared-parts.js';
import { type SortedOptions, sortOptions } from './apis/sort-options.js';
import { CircuitRegistry } from './breaker/circuit-registry.js';
import type { EgressStatus } from './core/egress-status.js';
import { ProxyError } from './core/errors.js';
import { exchangeOf } from './core/exchange.js';
import { pipeline } from './core/pipeline.js';
import { asProxyError, sendError } from './core/send-error.js';
import { explain } from './explain/explain.js';
import type { MetricsHandler } from './metrics/metrics.js';
import type { StatsHandler } from './stats/stats.js';
import { validateBody } from './validate-body/validate-body.js';
import { OpenSockets } from './websocket/open-sockets.js';
import { refuseUpgrade } from './websocket/refuse-upgrade.js';
import { serveWithoutUpgrade } from './websocket/serve-without-upgrade.js';
import { ServerUpgrades } from './websocket/server-upgrades.js';
import { beginUpgrade, checkHandshake, meansWebSocket, takeUpgrade } from './websocket/upgrade.js';
import { upgradeRoutes } from './websocket/upgrade-routes.js';

export type { Api } from './apis/api.js';
export type { UpdateReport } from './apis/live-apis.js';
export type { PartName } from './apis/parts.js';

/** The middleware that {@link resilientProxy} returns. */
export interface ResilientProxy {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * Takes over a WebSocket: `server.on('upgrade', proxy.upgrade)`. Its handshake walks the stages as a call does, all but
   * the cache. It sees the whole path: below a mount path it goes by {@link upgradeRoutes}. Other upgrades than to
   * WebSocket are ignored: the request is served as any other (RFC 9110 §7.8).
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Tells the client of every WebSocket that the server goes away (close code 1001), and cuts off those that are still
   * open after `graceMs`; those that open later are told at once.
   */
  closeSockets(graceMs: number): Promise<void>;
  /**
   * Takes another configuration while calls are under way: each of those ends by the configuration it began with. What
   * an API has learned (circuits, gates, stored answers, rests of exits) stays where the options of that part and the
   * API's target are as they were, and so do listeners; functions and instances among the options are the same only
   * where they are the same object. Statistics go on under the API's name. What Redis holds is not taken out.
   *
   * @returns what changed; blocks that serve all APIs cannot, and are named
   * @throws InvalidOptionError for a configuration that is wrong: the one before stays, all of it
   */
  update(config: ResilientProxyConfig): UpdateReport;
  /**
   * Frees connections and timers: calls under way fail, those that come later get 503 ERR_SHUTTING_DOWN, and WebSockets
   * have a second to say goodbye. Called again, it gives the same promise.
   */
  close(): Promise<void>;
  /** Every API by its name; the same map after an update, with other APIs in it. */
  readonly apis: ReadonlyMap<string, Api>;
  /** Every circuit of every API. */
  readonly circuits: CircuitRegistry;
  /** The statistics of every API; `undefined` where the configuration turned them off. */
  readonly stats: StatsHandler | undefined;
  /** What Prometheus scrapes; `undefined` unless the configuration turned it on. */
  readonly metrics: MetricsHandler | undefined;
  /** How every exit and every gate is. */
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
 * Puts resilience between the application and one or many APIs. With one, `{ name, target, … }`, every
 * call below the mount path goes to it; with many, `{ apis: { github: { target, … } }, defaults }`, the
 * first path segment names the API. Breaker and retry are on unless `false`. Errors are answered as JSON,
 * `{ error, code }`.
 *
 * @throws InvalidOptionError naming the option, the value seen and the nearest valid name
 */
export function resilientProxy(config: ResilientProxyConfig & CountedConfig): CountedProxy;
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy;
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy {
  const circuits = new CircuitRegistry();
  const sockets = new OpenSockets();
  // All of the configuration is checked before anything is opened.
  const { apis: configured, shared, single } = readConfig(config);
  const parts = new SharedParts(shared, {
    apis: [...configured.keys()],
    caches: [...configured.values()].map(({ cache }) => cache || {}),
    circuits,
    sockets,
    egress,
  });
  const factory = new PartFactory(parts, circuits);
  const live = new LiveApis(factory, (...api) => buildApi(parts, ...api));
  const apis = live.current;
  const sharedFrom = snapshotsOf(shared);
  const servers = new ServerUpgrades();
  const state = { only: undefined as LiveApi | undefined, closed: false };
  let closing: Promise<void> | undefined;
  live.update(configured);
  choose(single);

  function resilientProxy(req: IncomingMessage, res: ServerResponse): void {
    const api = state.closed ? closed() : (state.only ?? pick(apis, req));
    const exchange = exchangeOf(req, res);
    if (api instanceof ProxyError) {
      exchange.error = api;
      sendError(req, res, api);
      return;
    }
    exchange.api = api.name;
    if (api.ws) listen(req);
    api.enter(exchange);
    parts.stats?.watch(exchange, api.ownWriters);
    // Its client left before it got here: it is counted, and nothing is done for nobody.
    if (exchange.abandoned) return;
    api.handle(req, res, (error) => {
      exchange.error = asProxyError(error ?? notForwarded());
      sendError(req, res, exchange.error);
    });
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!takeUpgrade(req)) return;
    if (!meansWebSocket(req)) return serveWithoutUpgrade(req, socket, head);
    const api = state.closed ? closed() : (state.only ?? pick(apis, req));
    if (api instanceof ProxyError) return refuseUpgrade(socket, api);
    const exchange = beginUpgrade(req, socket, head, sockets);
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
    if (state.closed) throw closed();
    const next = readConfig(config);
    const report = live.update(next.apis);
    choose(next.single);
    parts.stats?.configure([...apis.keys()]);
    return { ...report, needsRestart: differing(sharedFrom, snapshotsOf(next.shared)) };
  }

  function choose(single: boolean): void {
    state.only = single ? [...apis.values()][0] : undefined;
  }

  function egress(): EgressStatus {
    const all = [...apis.values()];
    return {
      proxies: all.flatMap(({ proxyRotate }) => proxyRotate?.status() ?? []),
      limits: all.flatMap(({ rateLimit }) => rateLimit?.status() ?? []),
    };
  }

  function close(): Promise<void> {
    closing ??= closeAll();
    return closing;
  }

  async function closeAll(): Promise<void> {
    state.closed = true;
    servers.close();
    await sockets.close(GOODBYE_MS);
    await factory.closeAll();
    await parts.close();
  }
  const { stats, metrics } = parts;
  const closeSockets = (graceMs: number) => sockets.close(graceMs);
  const controls = { upgrade, closeSockets, update, close, egress };
  return Object.assign(resilientProxy, { ...controls, apis, circuits, stats, metrics });
}

/** How long WebSockets may take to say goodbye. */
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

type SharedSnapshots = Readonly<Record<keyof SharedOptions, unknown>>;

const snapshotsOf = ({ redis, stats, metrics, tracing }: SharedOptions): SharedSnapshots => ({
  redis: optionsSnapshot(redis),
  stats: optionsSnapshot(stats ?? {}),
  metrics: optionsSnapshot(metrics || false),
  tracing: optionsSnapshot(tracing || false),
});

function differing(before: SharedSnapshots, now: SharedSnapshots): string[] {
  return Object.entries(now).flatMap(([name, value]) =>
    sameOptions(Reflect.get(before, name), value) ? [] : [name],
  );
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
  const explaining = options.explain ? explain(options.explain) : undefined;
  return new LiveApi(name, parts, facts, ({ cache, ...parts }, countDetached) => {
    const { rateLimit, breaker, retry, proxyRotate, forward } = parts;
    // A call that an open circuit refuses waits for no quota, and takes none.
    const outward = [breaker, rateLimit, retry, proxyRotate, forward];
    return {
      ws: options.ws,
      handle: pipeline([
        explaining,
        tracing,
        metrics,
        validateBody(options.rules),
        cache,
        cache && explaining,
        // Once more, since a cache makes calls of its own; no call is counted twice.
        cache && tracing,
        cache && metrics,
        cache && countDetached,
        ...outward,
      ]),
      upgrade: pipeline([tracing, metrics, checkHandshake, ...outward]),
    };
  });
}

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Takes the first segment off the path, as Express takes a mount path off. */
function pick(apis: ReadonlyMap<string, LiveApi>, req: IncomingMessage): LiveApi | ProxyError {
  const { url = '/' } = req;
  const path = url.startsWith('/') ? url : url.replace(ABSOLUTE_FORM, '');
  // Looked for by hand: a pattern that takes a URL apart costs more than all the rest of this.
  let end = path.startsWith('/') ? 1 : 0;
  while (end > 0 && end < path.length && !endsSegment(path.charCodeAt(end))) end++;
  const name = path.slice(1, end);
  const api = apis.get(name);
  if (!api) {
    return new ProxyError(
      'ERR_UNKNOWN_API',
      `Unknown API: ${name.length > 80 ? `${name.slice(0, 77)}...` : name}`,
    );
  }
  const rest = path.slice(end);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  return api;
}

/** `/`, `?` or `#`. */
const endsSegment = (code: number): boolean => code === 0x2f || code === 0x3f || code === 0x23;

/** Where Express has mounted it. */
function mountPathOf(req: IncomingMessage & { readonly baseUrl?: unknown }): string {
  return typeof req.baseUrl === 'string' && req.baseUrl !== '' ? req.baseUrl : '/';
}

const closed = () => new ProxyError('ERR_SHUTTING_DOWN', 'The proxy was closed');
const notForwarded = () => new ProxyError('ERR_BAD_REQUEST', 'The request path does not belong to this API');
