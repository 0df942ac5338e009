import type { EgressProxyStatus, EgressStatus, LimitStatus, QuotaStatus } from '../core/egress-status.js';
import type { EventLoopLag } from './event-loop-lag.js';
import type { Family, Row } from './family.js';
import type { CircuitView } from './metrics-options.js';

const MAX_ROWS = 1000;
const MAX_LABEL_CHARACTERS = 200;
const CIRCUIT_STATES = ['CLOSED', 'OPEN', 'HALF_OPEN'] as const;
const PROXY_STATES = ['ok', 'cooling-down', 'probing'] as const;

/** The state of circuits: one line for each state, 1 for the current one. */
export function circuitFamilies(list: () => readonly CircuitView[]): Family[] {
  return [
    {
      type: 'gauge',
      name: 'circuit_state',
      help: '1 for the state that a circuit is in.',
      labels: ['circuit', 'state'],
      rows: () =>
        // If there are too many, those that are not closed are kept.
        troubledFirst(list(), ({ state }) => state !== 'CLOSED').flatMap(({ circuit, state }) =>
          oneOf(CIRCUIT_STATES, state, { circuit: short(circuit) }),
        ),
    },
    {
      type: 'gauge',
      name: 'circuit_fleet',
      help: '1 where all processes have the state of a circuit, 0 where it is that of this process alone.',
      labels: ['circuit'],
      rows: () =>
        troubledFirst(list(), ({ state }) => state !== 'CLOSED').flatMap(({ circuit, scope }): Row[] =>
          scope ? [[{ circuit: short(circuit) }, Number(scope === 'fleet')]] : [],
        ),
    },
  ];
}

/** State of the egress proxies and of the advertised limits. */
export function egressFamilies(status: () => EgressStatus): Family[] {
  const gauge = (name: string, help: string, labels: string[], rows: () => Row[]): Family => ({
    type: 'gauge',
    name,
    help,
    labels: ['api', 'proxy', ...labels],
    rows,
  });
  return [
    gauge('proxy_state', '1 for the state that an egress proxy is in.', ['state'], () =>
      troubledFirst(status().proxies, ({ state }) => state !== 'ok').flatMap(({ api, name, state }) =>
        oneOf(PROXY_STATES, state, { api, proxy: short(name) }),
      ),
    ),
    ...proxyFamilies(() => status().proxies),
    gauge(
      'limits_exhausted',
      'Credentials whose advertised limit through an egress proxy is used up.',
      [],
      () => byProxy(status(), (limits) => limits.filter(({ state }) => state === 'exhausted').length),
    ),
    gauge(
      'limit_remaining',
      'Requests that the target still allows, of the credential with the fewest.',
      [],
      () =>
        byProxy(status(), (limits) => {
          const known = limits
            .map(({ remaining }) => remaining)
            .filter((remaining) => remaining !== undefined);
          return known.length > 0 ? Math.min(...known) : undefined;
        }),
    ),
    gauge('calls_queued', 'Requests that wait for an advertised limit.', [], () =>
      byProxy(status(), (limits) => limits.reduce((sum, { queued }) => sum + queued, 0)),
    ),
    ...quotaFamilies(() => status().quotas ?? []),
  ];
}

/** What is left of the limits that options configure. */
function quotaFamilies(list: () => readonly QuotaStatus[]): Family[] {
  const gauge = (name: string, help: string, read: (quota: QuotaStatus) => number | undefined): Family => ({
    ...{ type: 'gauge', name, help, labels: ['api', 'quota'] },
    rows: () =>
      list()
        .slice(0, MAX_ROWS)
        .flatMap((quota): Row[] => {
          const value = read(quota);
          return value === undefined ? [] : [[{ api: quota.api, quota: short(quota.name) }, value]];
        }),
  });
  return [
    gauge('quota_limit', 'A limit that the options configure.', ({ limit }) => limit),
    gauge(
      'quota_remaining',
      'What is left of such a limit in its window; missing where each key has its own, or Redis counts.',
      ({ remaining }) => remaining,
    ),
    gauge('quota_waiting', 'Calls that wait for such a limit.', ({ queued }) => queued),
  ];
}

/** What has gone through each egress proxy. */
function proxyFamilies(list: () => readonly EgressProxyStatus[]): Family[] {
  const family = (
    type: Family['type'],
    name: string,
    help: string,
    read: (proxy: EgressProxyStatus) => number | undefined,
  ): Family => ({
    ...{ type, name, help, labels: ['api', 'proxy'] },
    rows: () =>
      troubledFirst(list(), ({ state }) => state !== 'ok').flatMap((proxy): Row[] => {
        const value = read(proxy);
        return value === undefined ? [] : [[{ api: proxy.api, proxy: short(proxy.name) }, value]];
      }),
  });
  return [
    family(
      'counter',
      'proxy_attempts_total',
      'Attempts sent through an egress proxy.',
      (one) => one.attempts,
    ),
    family(
      'counter',
      'proxy_successes_total',
      'Attempts that a target responded to without refusing the egress proxy.',
      (one) => one.successes,
    ),
    family('counter', 'proxy_bans_total', 'Bans of an egress proxy by targets.', (one) => one.bans),
    family(
      'counter',
      'proxy_sent_bytes_total',
      'Bytes sent on connections to an egress proxy.',
      (one) => one.bytesSent,
    ),
    family(
      'counter',
      'proxy_received_bytes_total',
      'Bytes received on connections to an egress proxy.',
      (one) => one.bytesReceived,
    ),
    family('counter', 'proxy_cost_total', 'What these bytes cost, by costPerGb.', (one) => one.cost),
    family(
      'gauge',
      'proxy_latency_seconds',
      'Time to the headers of a response through an egress proxy: a moving average.',
      ({ latencyMs }) => (latencyMs === undefined ? undefined : latencyMs / 1000),
    ),
  ];
}

/** How late the event loop is. */
export function eventLoopFamilies(lag: EventLoopLag): Family[] {
  return [
    {
      type: 'gauge',
      name: 'event_loop_lag_seconds',
      help: 'How late the event loop was in the last one to two minutes.',
      labels: ['stat'],
      rows: () => Object.entries(lag.read()).map(([stat, value]): Row => [{ stat }, value]),
    },
  ];
}

/** Limits are kept by credential, and there may be many: the page has one line for each egress proxy. */
function byProxy(
  { limits }: EgressStatus,
  read: (limits: readonly LimitStatus[]) => number | undefined,
): Row[] {
  const groups = new Map<string, LimitStatus[]>();
  for (const limit of limits) {
    const key = JSON.stringify([limit.api, limit.proxy]);
    const group = groups.get(key);
    if (group) group.push(limit);
    else if (groups.size < MAX_ROWS) groups.set(key, [limit]);
  }
  return [...groups.values()].flatMap((group): Row[] => {
    const [first] = group;
    const value = read(group);
    if (!first || value === undefined) return [];
    return [[{ api: first.api, proxy: short(first.proxy ?? 'direct') }, value]];
  });
}

function oneOf(states: readonly string[], current: string, labels: Record<string, string>): Row[] {
  return states.map((state) => [{ ...labels, state }, state === current ? 1 : 0]);
}

function troubledFirst<T>(list: readonly T[], troubled: (item: T) => boolean): T[] {
  if (list.length <= MAX_ROWS) return [...list];
  return [...list.filter(troubled), ...list.filter((item) => !troubled(item))].slice(0, MAX_ROWS);
}

const short = (text: string) => text.slice(0, MAX_LABEL_CHARACTERS);
