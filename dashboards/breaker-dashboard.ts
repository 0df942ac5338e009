import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import type { CircuitSnapshot } from '../lib/breaker/circuit-snapshot.js';
import type { Callback } from '../lib/core/callback.js';
import type { EgressProxyStatus, EgressStatus } from '../lib/core/egress-status.js';
import { functionOption, optionsObject, resolveOptions } from '../lib/core/options.js';
import { realTime, type Time } from '../lib/core/time.js';
import type { CircuitsData, CircuitsResponse, NotStored } from './client/shared/contract.js';
import { type Dashboard, dashboardHandler, type Route } from './shared/dashboard.js';
import { type DashboardOptions, dashboardShape, titleOption } from './shared/dashboard-options.js';
import { type Channel, LiveFeed } from './shared/live-feed.js';
import { sendError, sendJson } from './shared/responses.js';
import { crossSiteReason } from './shared/same-origin.js';

/** The part of a `Circuit` that the page's buttons use. */
export interface CircuitControl {
  /** Refuses every call until one of the other methods is called. */
  forceOpen(): void;
  /** Closes the circuit and starts counting from zero. */
  forceClose(): void;
  /** Like `forceClose()`, and forgets the last failure too. */
  reset(): void;
}

/** The part of a cache that the page reads. */
export interface CacheCounted {
  /** Its counters. */
  counts(): { readonly notStored: Readonly<Partial<Record<string, number>>> };
}

/** What says how Redis is, as `proxy.redis` does. */
export interface RedisTold {
  /** How it is now; without a message all is well. */
  status(): { readonly message: string | undefined };
}

/** Source of circuits, egress proxies and rate limits. What `resilientProxy()` returns is one. */
export interface BreakerDashboardSource {
  readonly circuits: {
    /** A snapshot of every circuit. */
    list(): readonly CircuitSnapshot[];
    /** The circuit of this name; `undefined` if there is none any more. */
    get(circuit: string): CircuitControl | undefined;
  };
  /** State of egress proxies and rate limits; without it the page shows none. */
  egress?: (() => EgressStatus) | undefined;
  /** The APIs, whose caches say what they did not store; without it the page shows nothing of that. */
  readonly apis?: ReadonlyMap<string, { readonly cache?: CacheCounted | undefined }> | undefined;
  /** How Redis is; without it, or where nothing is wrong, the page says nothing of that. */
  readonly redis?: RedisTold | undefined;
  /** Removes the cached responses of an API. */
  purge?: ((api: string) => Promise<unknown>) | undefined;
  /**
   * The APIs that `purge` knows.
   * @default the APIs of the circuits
   */
  purgeable?: (() => readonly string[]) | undefined;
}

/** What the page can do: force open, force closed, reset, or purge the API's cache. */
export type CircuitAction = 'open' | 'close' | 'reset' | 'purge';

/** Options of `breakerDashboard()`. */
export interface BreakerDashboardOptions extends DashboardOptions {
  /**
   * Whether the page may act on circuits and caches. Give `authorize` with it.
   * @default false
   */
  actions?: boolean | undefined;
  /**
   * Called after each action with the request that caused it: for an audit log. `name` is the circuit's name; for
   * `purge`, the API's.
   */
  onAction?: Callback<(action: CircuitAction, name: string, req: IncomingMessage) => void> | undefined;
}

const schema = optionsObject({
  ...dashboardShape,
  title: titleOption.default('Circuits'),
  actions: z.boolean().default(false),
  onAction: functionOption<NonNullable<BreakerDashboardOptions['onAction']>>().optional(),
});

/**
 * A page that shows every circuit with its state, limits and history, and beside them the egress proxies and
 * advertised rate limits.
 *
 * @throws InvalidOptionError
 */
export function breakerDashboard(
  source: BreakerDashboardSource,
  options: BreakerDashboardOptions = {},
): Dashboard {
  return breakerDashboardWithTime(realTime, source, options);
}

/** {@link breakerDashboard}, whose time a test can decide. */
export function breakerDashboardWithTime(
  time: Time,
  source: BreakerDashboardSource,
  options: BreakerDashboardOptions = {},
): Dashboard {
  const settings = resolveOptions(schema, options, 'breakerDashboard');
  const { actions, onAction } = settings;
  // Circuits do not report each count, so they are read once a second, which costs next to nothing.
  const feed = new LiveFeed(settings.maxClients, () => () => undefined, time);
  const read = () => circuitsData(source, actions);
  const channel: Channel = {
    name: 'circuits',
    key: 'circuits',
    everyMs: 1000,
    polled: true,
    read: async () => read(),
    fingerprint: withoutClock,
  };
  const events: Route = (req, res, query) => {
    const pages = query.getAll('of');
    return pages.length > 0
      ? feed.share(req, res, pages, async () => [channel])
      : feed.follow(req, res, [channel]);
  };
  const routes = new Map<string, Route>([
    ['GET /data', (_req, res) => sendJson(res, 200, { circuits: read() } satisfies CircuitsResponse)],
    ['GET /events', events],
    ...(actions ? actionRoutes(source, onAction) : []),
  ]);
  const handle = dashboardHandler({ page: 'circuits', settings, routes });

  function breakerDashboard(
    req: IncomingMessage,
    res: ServerResponse,
    next?: (error?: unknown) => void,
  ): void {
    handle(req, res, next);
  }
  return Object.assign(breakerDashboard, { close: () => feed.close() });
}

function circuitsData(source: BreakerDashboardSource, actions: boolean): CircuitsData {
  const { proxies: all, limits, quotas } = source.egress?.() ?? { proxies: [], limits: [] };
  const proxies = worstOf(all);
  const purgeable = source.purgeable?.();
  const circuits = source.circuits.list().map((circuit) => ({
    ...circuit,
    purge: actions && source.purge && (purgeable?.includes(circuit.api) ?? true) ? circuit.api : undefined,
  }));
  const notStored = notStoredOf(source);
  const redis = source.redis?.status().message;
  const more = {
    ...(notStored.length > 0 && { notStored }),
    ...(quotas && { quotas }),
    ...(proxies.length < all.length && { moreProxies: all.length - proxies.length }),
    ...(redis !== undefined && { redis }),
  };
  return { time: Date.now(), actions, circuits, proxies, limits, ...more };
}

/** Lists of proxies have thousands of lines: the page shows those with problems, and some of the others. */
function worstOf(proxies: readonly EgressProxyStatus[]): readonly EgressProxyStatus[] {
  if (proxies.length <= MAX_PROXIES) return proxies;
  const troubled = proxies.filter(({ state }) => state !== 'ok');
  const rest = proxies.filter(({ state }) => state === 'ok');
  return [...troubled, ...rest].slice(0, MAX_PROXIES);
}

/** Proxies on the page. */
const MAX_PROXIES = 200;

function notStoredOf({ apis = new Map() }: BreakerDashboardSource): NotStored[] {
  return [...apis].flatMap(([api, { cache }]) =>
    Object.entries(cache?.counts().notStored ?? {}).map(([reason, count = 0]) => ({ api, reason, count })),
  );
}

/** The page counts down by itself, so the mere passing of time is no change. */
function withoutClock(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) =>
    (key === 'time' || key === 'timeToResetMs') && inner !== null ? undefined : inner,
  );
}

function actionRoutes(
  source: BreakerDashboardSource,
  onAction: BreakerDashboardOptions['onAction'],
): [string, Route][] {
  const guarded =
    (action: CircuitAction, act: (name: string) => Promise<boolean> | boolean): Route =>
    async (req, res, query) => {
      const reason = crossSiteReason(req);
      if (reason) return sendError(res, 403, 'ERR_FORBIDDEN', reason);
      const parameter = action === 'purge' ? 'api' : 'circuit';
      const name = query.get(parameter) ?? '';
      if (!(await act(name))) {
        const what = action === 'purge' ? 'API with a cache' : 'circuit';
        return sendError(res, 404, 'ERR_NOT_FOUND', `There is no ${what} of this name`);
      }
      onAction?.(action, name, req);
      sendJson(res, 200, { circuits: circuitsData(source, true) } satisfies CircuitsResponse);
    };

  const onCircuit = (act: (circuit: CircuitControl) => void) => (name: string) => {
    const circuit = source.circuits.get(name);
    if (circuit) act(circuit);
    return circuit !== undefined;
  };

  async function purge(api: string): Promise<boolean> {
    const names = circuitsData(source, true).circuits.map((circuit) => circuit.purge);
    if (!source.purge || !names.includes(api)) return false;
    await source.purge(api);
    return true;
  }

  return [
    [
      'POST /actions/open',
      guarded(
        'open',
        onCircuit((circuit) => circuit.forceOpen()),
      ),
    ],
    [
      'POST /actions/close',
      guarded(
        'close',
        onCircuit((circuit) => circuit.forceClose()),
      ),
    ],
    [
      'POST /actions/reset',
      guarded(
        'reset',
        onCircuit((circuit) => circuit.reset()),
      ),
    ],
    ['POST /actions/purge', guarded('purge', purge)],
  ];
}
