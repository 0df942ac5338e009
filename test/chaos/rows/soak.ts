import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { movableClock, type ProcessMemory } from '../kit/clock.js';
import { startFleet } from '../kit/fleet.js';
import { startFlood } from '../kit/flood.js';
import { startPlainUpstream } from '../kit/plain-upstream.js';
import { hard, row as rowOf } from '../kit/row.js';

const WHOLE = 2_000_000;
/** CHAOS_SOAK_CALLS=2000000 is the whole; by default it is a tenth, within the time of the suite. */
const CALLS = Number(process.env.CHAOS_SOAK_CALLS ?? WHOLE / 10);
/** The heap is as large as it gets, pools and tables are filled. */
const SETTLED = CALLS / 10;
/** Of the whole. A day has as many hours in a tenth of the calls, and their figures take the same memory. */
const MOST_MB_PER_100_000 = WHOLE / CALLS;
const BATCHES = 48;
const DAY_MS = 86_400_000;
const MB = 1024 * 1024;

async function scene() {
  const upstream = await startPlainUpstream();
  const clock = await movableClock();
  const fleet = await startFleet({
    processes: 1,
    env: { ...clock.env, LOG_LEVEL: 'error' },
    config: {
      cacheBytes: 8 * MB,
      apis: {
        x: {
          target: upstream.url,
          retry: { initialDelayMs: 1, maxAttempts: 2 },
          breaker: { failureThreshold: 1_000_000, failureRatio: false },
        },
        cached: { target: upstream.url, cache: { ttlMs: 60_000 } },
        limited: { target: upstream.url, rateLimit: { limit: 1000, windowMs: 60_000 } },
      },
    },
  });
  return { clock, flood: startFlood(), port: fleet.processes[0]?.port ?? 0 };
}

/** Each call in ten is another one; what has a number in it is a path of its own. */
const REQUESTS = [
  { path: '/api/x/users/{n}/orders' },
  { path: '/api/cached/{n}' },
  { path: '/api/cached/popular' },
  { path: '/api/x/orders', body: '{"order":1}' },
  { path: '/api/x/status/404' },
  { path: '/api/cached/popular' },
  { path: '/api/x/page-{n}/of-{n}?q={n}' },
  { path: '/api/limited/{n}' },
  { path: '/api/cached/popular' },
  { path: '/api/x/status/503' },
];

interface Sample extends ProcessMemory {
  readonly calls: number;
}

/** MB that a figure grows by with 100 000 calls: the slope of the straight line that fits best. */
function slope(samples: readonly Sample[], figure: 'rss' | 'heapUsed'): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [samples.map(({ calls }) => calls), samples.map((sample) => sample[figure])];
  const [mx, my] = [mean(x), mean(y)];
  const above = x.reduce((sum, value, i) => sum + (value - mx) * ((y[i] ?? 0) - my), 0);
  const below = x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  return ((above / below) * 100_000) / MB;
}

/** One process. The clock moves on between the calls, half an hour at a time. */
const measured = rowOf(
  `${CALLS.toLocaleString('en').replaceAll(',', ' ')} calls with a clock that runs through 24 h`,
  scene,
  async ({ clock, flood, port }) => {
    const samples: Sample[] = [];
    const statuses: Record<string, number> = {};
    const begin = await clock.memory();
    let calls = 0;
    for (let batch = 0; batch < BATCHES; batch++) {
      const report = await flood.run({
        port,
        requests: REQUESTS,
        connections: 32,
        calls: Math.round(CALLS / BATCHES),
        cutShare: 0.01,
      });
      calls += report.calls;
      for (const [status, count] of Object.entries(report.statuses))
        statuses[status] = (statuses[status] ?? 0) + count;
      await clock.advance(DAY_MS / BATCHES);
      samples.push({ calls, ...(await clock.collected()) });
    }
    const { CHAOS_LOGS } = process.env;
    if (CHAOS_LOGS) writeFileSync(join(CHAOS_LOGS, 'soak.json'), JSON.stringify(samples));
    const end = samples.at(-1) ?? { ...begin, calls };
    const settled = samples.filter((sample) => sample.calls > SETTLED);
    const [rss, heap] = [slope(settled, 'rss'), slope(settled, 'heapUsed')];
    const hours = (end.at - begin.at) / 3_600_000;
    return [
      hard(
        `RSS grows by less than ${MOST_MB_PER_100_000} MB per 100 000`,
        `${rss.toFixed(2)} MB (heap ${heap.toFixed(2)} MB), ${(end.rss / MB).toFixed(0)} MB at last`,
        rss < MOST_MB_PER_100_000,
      ),
      hard('24 h have passed', `${hours.toFixed(1)} h`, hours >= 24),
      hard('0 lost', JSON.stringify(statuses), (statuses.lost ?? 0) === 0 && calls > CALLS * 0.9),
    ];
  },
);

export const row = { ...measured, withinMs: CALLS * 2 };
