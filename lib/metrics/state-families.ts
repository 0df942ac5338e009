import type { EgressStatus, LimitStatus } from '../core/egress-status.js';
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
  ];
}

/** How late the event loop is. */
export function eventLoopFamilies(lag: EventLoopLag): Family[] {
  return [
    {
      type: 'gauge',
      name: 'event_loop_lag_seconds',
      help: 'How late the event loop was since the last scrape.',
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
