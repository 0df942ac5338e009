import type { Family, Row } from '../core/metric-family.js';
import type { RedisHealth } from './health.js';

/** What the statistics tell of what they have not sent. */
export interface UnsentFigures {
  health(): { readonly unsent: number };
}

/** How Redis is, and what that costs. */
export function redisFamilies(health: RedisHealth, stats: UnsentFigures | undefined): Family[] {
  const counter = (
    name: string,
    help: string,
    label: string,
    of: () => Readonly<Record<string, number>>,
  ): Family => ({
    type: 'counter',
    name,
    help,
    labels: [label],
    rows: () => Object.entries(of()).map(([value, count]): Row => [{ [label]: value }, count]),
  });
  const single = (type: Family['type'], name: string, help: string, of: () => number): Family => ({
    type,
    name,
    help,
    labels: [],
    rows: () => [[{}, of()]],
  });
  return [
    single('gauge', 'redis_up', '1 while Redis is in use, also where it refuses some commands.', () =>
      Number(/^(up|degraded)$/.test(health.status().state)),
    ),
    single(
      'counter',
      'redis_timeouts_total',
      'Commands to which Redis did not reply in time.',
      () => health.status().timeouts,
    ),
    single(
      'gauge',
      'redis_processes',
      'Processes that share this Redis and its prefix.',
      () => health.status().processes,
    ),
    counter(
      'redis_refused_total',
      'Commands that Redis refused, by the code of its error.',
      'code',
      () => health.status().refused,
    ),
    counter(
      'redis_local_decisions_total',
      'Look-ups of a cache or a limit that this process decided without Redis.',
      'part',
      () => health.status().localDecisions,
    ),
    ...(stats
      ? [
          single(
            'gauge',
            'stats_unsent_calls',
            'Calls whose figures are not in Redis yet.',
            () => stats.health().unsent,
          ),
        ]
      : []),
  ];
}
