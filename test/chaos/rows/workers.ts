import { call } from '../../support/client.js';
import { type Fleet, startFleet } from '../kit/fleet.js';
import { type FloodReport, type FloodRequest, startFlood } from '../kit/flood.js';
import { startPlainUpstream } from '../kit/plain-upstream.js';
import { hard, row as rowOf, timed } from '../kit/row.js';

const KEYS = 20;
const ROUNDS = 3;
const ROUND_MS = 2500;
const LIMIT = 500;
const LIMITED_CALLS = 2000;

async function scene() {
  const upstream = await startPlainUpstream();
  const apis = {
    cached: { target: upstream.url, validateJson: true, cache: { ttlMs: 600_000, methods: ['GET', 'POST'] } },
    limited: { target: upstream.url, rateLimit: { limit: LIMIT, windowMs: 600_000 } },
  };
  const start = (workers: number) =>
    startFleet({ processes: 1, config: { apis }, args: ['--workers', `${workers}`] });
  return { flood: startFlood(), one: await start(1), two: await start(2) };
}

/**
 * Checked and hashed for the cache, and of many small objects: a call has to cost the gateway much more than whoever sends
 * it, since both have the same two cores. An API behind it would take a part of them, too.
 */
const keys = Array.from({ length: KEYS }, (_, i) => ({
  path: `/api/cached/${i}`,
  body: JSON.stringify(Array.from({ length: 6000 }, (_, id) => ({ [`k${id % 1000}`]: id }))),
}));

/** Calls that the cache has answered by itself, in all workers. */
async function hits({ urls: [url] }: Fleet): Promise<number> {
  const { text } = await call(`${url}/metrics`);
  return Number(/_cache_total\{[^}]*verdict="hit"[^}]*\} (\d+)/.exec(text)?.[1] ?? 0);
}

const perSecond = (reports: readonly FloodReport[]): number => {
  const [calls, ms] = [reports.map(({ calls }) => calls), reports.map(({ ms }) => ms)].map((all) =>
    all.reduce((sum, one) => sum + one, 0),
  );
  return ((calls ?? 0) * 1000) / (ms ?? 1);
};

/** The load comes from the machine that they run on, which has two cores. */
export const row = rowOf('--workers 2 on two cores', scene, async ({ flood, one, two }) => {
  const send = (fleet: Fleet, plan: { ms?: number; calls?: number; requests?: readonly FloodRequest[] }) =>
    flood.run({ port: fleet.processes[0]?.port ?? 0, requests: keys, connections: 32, ...plan });
  // Each worker has a cache of its own.
  for (const fleet of [one, two]) await send(fleet, { calls: 3000 });
  const before = await hits(two);
  const [single, double]: [FloodReport[], FloodReport[]] = [[], []];
  // In turn: what else the machine does must not fall on one of them.
  for (let round = 0; round < ROUNDS; round++) {
    single.push(await send(one, { ms: ROUND_MS }));
    double.push(await send(two, { ms: ROUND_MS }));
  }
  const expected = double.reduce((sum, { calls }) => sum + calls, 0);
  const counted = (await hits(two)) - before;
  const limited = await send(two, { calls: LIMITED_CALLS, requests: [{ path: '/api/limited/{n}' }] });
  const { 200: passed = 0, 429: refused = 0 } = limited.statuses;
  const [a, b] = [perSecond(single), perSecond(double)];
  return [
    timed(
      'at least 1.6 of one worker',
      `${(b / a).toFixed(2)} (${a.toFixed(0)}, ${b.toFixed(0)} calls/s)`,
      b >= 1.6 * a,
    ),
    hard('hits exact over workers', `${counted} of ${expected}`, counted === expected && expected > 0),
    hard(
      `limit of ${LIMIT} exact over workers`,
      `${passed} passed, ${refused} refused`,
      passed === LIMIT && refused === LIMITED_CALLS - LIMIT,
    ),
  ];
});
