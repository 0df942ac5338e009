import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerError } from './answer-error.js';
import { type ResilientProxyConfig, resolveConfig, type SortedOptions, sortOptions } from './api-options.js';
import { type BreakerHandler, breaker } from './breaker/breaker.js';
import { CircuitRegistry } from './breaker/circuit-registry.js';
import { type CacheHandler, cache } from './cache/cache.js';
import { apiSite } from './cache/cache-site.js';
import type { EgressStatus } from './egress-status.js';
import { ProxyError } from './errors.js';
import { exchangeOf, type Handler } from './exchange.js';
import type { MetricsHandler } from './metrics/metrics.js';
import { pipeline } from './pipeline.js';
import { type ProxyRotateHandler, proxyRotate } from './proxy-rotate/proxy-rotate.js';
import { forwardedCredentials } from './rate-limit/credential.js';
import { type RateLimitHandler, rateLimit } from './rate-limit/rate-limit.js';
import { refuseUpgrade } from './refuse-upgrade.js';
import { type RetryHandler, retry } from './retry/retry.js';
import { SharedParts } from './shared-parts.js';
import type { StatsHandler } from './stats/stats.js';
import { type ForwardHandler, forward } from './upstream/forward.js';
import { validateBody } from './validate-body/validate-body.js';

/** One API of a {@link ResilientProxy}: its name and its parts, for events and for control. */
export interface Api {
  readonly name: string;
  /** `undefined` unless the configuration turned it on. */
  readonly cache: CacheHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly rateLimit: RateLimitHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly breaker: BreakerHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly retry: RetryHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly proxyRotate: ProxyRotateHandler | undefined;
}

/** The middleware that {@link resilientProxy} returns. */
export interface ResilientProxy {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /** Takes over a WebSocket upgrade: `server.on('upgrade', proxy.upgrade)`. */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void;
  /** Frees connections and timers; calls under way fail. */
  close(): Promise<void>;
  /** Every API by its name. */
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

/**
 * Puts resilience between the application and one or many APIs. With one, `{ name, target, … }`, every
 * call below the mount path goes to it; with many, `{ apis: { github: { target, … } }, defaults }`, the
 * first path segment names the API. Breaker and retry are on unless `false`. Errors are answered as JSON,
 * `{ error, code }`.
 *
 * @throws InvalidOptionError naming the option, the value seen and the nearest valid name
 */
export function resilientProxy(config: ResilientProxyConfig): ResilientProxy {
  const circuits = new CircuitRegistry();
  const { single, apis: configured, shared } = resolveConfig(config);
  // All of the configuration is checked before anything is opened.
  const sorted = [...configured].map(([name, options]): [string, SortedOptions] => [
    name,
    sortOptions(single ? '' : `apis.${name}`, options),
  ]);
  const parts = new SharedParts(shared, {
    apis: [...configured.keys()],
    caches: sorted.map(([, { cache }]) => cache || {}),
    circuits,
    egress,
  });
  const apis = new Map(sorted.map(([name, options]) => [name, buildApi(name, options, circuits, parts)]));
  const only = single ? [...apis.values()][0] : undefined;

  function resilientProxy(req: IncomingMessage, res: ServerResponse): void {
    const api = only ?? pick(apis, req);
    if (api instanceof ProxyError) {
      answerError(req, res, api);
      return;
    }
    const exchange = exchangeOf(req, res);
    exchange.api = api.name;
    parts.stats?.watch(exchange);
    api.handle(req, res, (error) => {
      exchange.error = answerError(req, res, error ?? notForwarded());
    });
  }

  function upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const api = only ?? pick(apis, req);
    if (api instanceof ProxyError) refuseUpgrade(socket, api);
    else api.forward.upgrade(req, socket, head, api.proxyRotate?.policy());
  }

  function egress(): EgressStatus {
    const all = [...apis.values()];
    return {
      exits: all.flatMap(({ proxyRotate }) => proxyRotate?.status() ?? []),
      gates: all.flatMap(({ rateLimit }) => rateLimit?.status() ?? []),
    };
  }

  async function close(): Promise<void> {
    await Promise.all([...apis.values()].map((api) => api.close()));
    await parts.close();
  }
  const { stats, metrics } = parts;
  return Object.assign(resilientProxy, { upgrade, close, apis, circuits, stats, metrics, egress });
}

interface BuiltApi extends Api {
  readonly handle: Handler;
  readonly forward: ForwardHandler;
  close(): Promise<void>;
}

/** The one place that shows the order of the stages. */
function buildApi(
  name: string,
  options: SortedOptions,
  circuits: CircuitRegistry,
  { metrics, tracing, redis, withStore }: SharedParts,
): BuiltApi {
  const parts = {
    cache: options.cache ? cache({ ...withStore(options.cache), name }, apiSite(options.forward)) : undefined,
    rateLimit: options.rateLimit
      ? rateLimit({
          credentialHeaders: forwardedCredentials(options.forward),
          ...options.rateLimit,
          name,
          redis,
        })
      : undefined,
    breaker: options.breaker ? breaker({ ...options.breaker, name, registry: circuits }) : undefined,
    retry: options.retry ? retry(options.retry) : undefined,
    proxyRotate: options.proxyRotate ? proxyRotate({ ...options.proxyRotate, name }) : undefined,
    forward: forward(options.forward),
  };
  const stages = [
    tracing,
    metrics,
    validateBody(options.rules),
    parts.cache,
    // Once more, since a cache makes calls of its own; no call is counted twice.
    parts.cache && tracing,
    parts.cache && metrics,
    parts.rateLimit,
    parts.breaker,
    parts.retry,
    parts.proxyRotate,
    parts.forward,
  ];
  return {
    name,
    ...parts,
    handle: pipeline(stages),
    close: async () => {
      parts.breaker?.close();
      parts.proxyRotate?.close();
      await Promise.all([parts.cache?.close(), parts.rateLimit?.close()]);
      await parts.forward.close();
    },
  };
}

/** Takes the first segment off the path, as Express takes a mount path off. */
function pick(apis: ReadonlyMap<string, BuiltApi>, req: IncomingMessage): BuiltApi | ProxyError {
  const [, name = '', rest = ''] =
    /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?\/([^/?#]*)(.*)$/is.exec(req.url ?? '') ?? [];
  const api = apis.get(name);
  if (!api) {
    return new ProxyError(
      'ERR_UNKNOWN_API',
      `Unknown API: ${name.length > 80 ? `${name.slice(0, 77)}...` : name}`,
    );
  }
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  return api;
}

const notForwarded = () => new ProxyError('ERR_BAD_REQUEST', 'The request path does not belong to this API');
