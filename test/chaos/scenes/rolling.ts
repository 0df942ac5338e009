import { setTimeout as wait } from 'node:timers/promises';
import { startRedis } from '../../support/redis.js';
import { type Fleet, startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { type Check, hard } from '../kit/row.js';
import { type ChaosUpstream, startChaosUpstream } from '../kit/upstream.js';

/** Four processes that are restarted one after another. */
export interface RollingScene {
  readonly fleet: Fleet;
  readonly upstream: ChaosUpstream;
}

export async function rolling(): Promise<RollingScene> {
  const [{ url }, upstream] = [await startRedis(), await startChaosUpstream({ delayMs: 5 })];
  const fleet = await startFleet({ config: { redis: url, apis: { x: { target: upstream.url } } } });
  await fleet.connected();
  return { fleet, upstream };
}

/** Half of the calls are POSTs, which nobody may send again. */
const mix = (run: string) => [
  { kind: 'GET', share: 1, path: `/api/x/${run}/get/{n}` },
  { kind: 'POST', share: 1, path: `/api/x/${run}/post/{n}`, method: 'POST', body: '{"order":1}' } as const,
];

/** Restarts all of them under a load that keeps its connections to what stands in front of them. */
export async function rollingRestart(
  run: string,
  { fleet, upstream }: RollingScene,
  front: string,
): Promise<Check[]> {
  const load = await startLoad({ rate: 500, targets: [front], mix: mix(run) });
  await wait(1500);
  for (const process of fleet.processes) {
    await process.end('SIGTERM');
    await process.start();
    await wait(500);
  }
  await wait(500);
  const ledger = await load.stop();
  const [gets, posts] = [ledger.of({ kind: 'GET' }), ledger.of({ kind: 'POST' })];
  const arrived = (await upstream.arrivals(`/${run}/post/`)).map(({ path }) => path);
  const twice = arrived.length - new Set(arrived).size;
  const not200 = (of: typeof ledger) => of.calls - of.of({ status: 200 }).calls;
  return [
    hard(
      'GET: 0 failed',
      `${not200(gets)} of ${gets.calls}${because(not200(gets), gets.outcomes)}`,
      not200(gets) === 0,
    ),
    hard(
      'POST: 0 failed',
      `${not200(posts)} of ${posts.calls}${because(not200(posts), posts.outcomes)}`,
      not200(posts) === 0,
    ),
    hard(
      'no POST sent twice',
      `${twice} of ${arrived.length}`,
      twice === 0 && arrived.length === posts.calls,
    ),
  ];
}

const because = (failed: number, outcomes: string): string => (failed > 0 ? ` (${outcomes})` : '');
