import { call } from '../../support/client.js';
import { startRedis } from '../../support/redis.js';
import { type Fleet, startFleet } from '../kit/fleet.js';
import { pass } from '../kit/now.js';
import { hard, row as rowOf } from '../kit/row.js';
import { type ChaosUpstream, startChaosUpstream } from '../kit/upstream.js';

const TTL_MS = 2000;
const KEYS = 10;
/** Of each process, at once. */
const CALLS_EACH = 3;
const BETWEEN_MS = 40;
/** A key that every process has a copy of, which is stale, or is gone, or never was. */
const STATES = ['revalidated', 'expired', 'cold'] as const;

async function scene(): Promise<{ readonly fleet: Fleet; readonly upstream: ChaosUpstream }> {
  // Long enough for all processes to want the response meanwhile.
  const upstream = await startChaosUpstream({ delayMs: 300 });
  const redis = await startRedis();
  const to = (state: string): string => `${upstream.url}/${state}`;
  const fleet = await startFleet({
    config: {
      // A process that gets no reply in time fetches for itself; on a busy machine that would be counted here.
      redis: { url: redis.url, commandTimeoutMs: 1000 },
      apis: {
        revalidated: { target: to('revalidated'), cache: { ttlMs: TTL_MS, staleWhileRevalidateMs: 60_000 } },
        expired: { target: to('expired'), cache: { ttlMs: TTL_MS } },
        cold: { target: to('cold'), cache: { ttlMs: TTL_MS } },
      },
    },
  });
  await fleet.connected();
  return { fleet, upstream };
}

export const row = rowOf('a stale key refreshed by 4 processes', scene, async ({ fleet, upstream }) => {
  const keys = STATES.flatMap((state) => Array.from({ length: KEYS }, (_, i) => `${state}/${i}`));
  const everywhere = (paths: readonly string[]): Promise<number[]> => {
    const urls = paths.flatMap((path) => fleet.urls.map((url) => `${url}/api/${path}`));
    return Promise.all(urls.map(async (url) => (await call(url)).status));
  };
  await everywhere(keys.filter((key) => !key.startsWith('cold')));
  await pass(TTL_MS + 500);
  const before = (await upstream.arrivals()).length;
  const asked: Promise<number[]>[] = [];
  for (const key of keys) {
    asked.push(everywhere(Array.from({ length: CALLS_EACH }, () => key)));
    await pass(BETWEEN_MS);
  }
  const statuses = (await Promise.all(asked)).flat();
  // Revalidation goes on behind its responses.
  await pass(1000);
  const arrivals = (await upstream.arrivals()).slice(before);
  const failed = statuses.filter((status) => status !== 200).length;
  return [
    hard('0 failed', `${failed} of ${statuses.length}`, failed === 0),
    ...STATES.map((state) => {
      const counts = Array.from(
        { length: KEYS },
        (_, i) => arrivals.filter(({ path }) => path === `/${state}/${i}`).length,
      );
      const each = [...new Set(counts)].sort().join(' or ');
      return hard(
        `1 fetch, ${state}`,
        `${each} for each of ${KEYS}`,
        counts.every((count) => count === 1),
      );
    }),
  ];
});
