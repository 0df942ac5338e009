import { startRedis } from '../../support/redis.js';
import { circuitEvents, spreadOf } from '../kit/circuits.js';
import { eventually, startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { hard, ms, row as rowOf, timed } from '../kit/row.js';
import { startChaosUpstream } from '../kit/upstream.js';

const DEAD_MS = 30_000;
/** So that a dead time has several probes. */
const RESET_MS = 4000;
/** Long enough for the code of a call to be compiled: four processes share the calls. */
const WARM_UP_MS = 4000;
/** When one fleet begins after the other. Both at once would compete for the machine just when circuits are to open. */
const APART_MS = WARM_UP_MS + 1500;
/** What was let through before all circuits were open has arrived after this. */
const ON_THE_WAY_MS = 200;

/** Processes that share circuits, in front of an API of their own, under a load of their own. */
async function fleetOf(processes: number, redisUrl: string) {
  const upstream = await startChaosUpstream({ delayMs: 5 });
  const fleet = await startFleet({
    processes,
    config: {
      redis: { url: redisUrl, prefix: `fleet-${processes}` },
      apis: { x: { target: upstream.url, breaker: { resetTimeoutMs: RESET_MS } } },
    },
  });
  await fleet.connected();

  /** The API responds 503 for {@link DEAD_MS}. @returns the calls that reached it, those once all were open, and when circuits opened and closed */
  async function outage() {
    const mix = [{ kind: 'x', share: 1, path: '/api/x/{n}' }];
    const load = await startLoad({ rate: 500, targets: fleet.urls, mix });
    await pass(WARM_UP_MS);
    const from = now();
    await upstream.become({ mode: 'unavailable', delayMs: 5 });
    await pass(DEAD_MS);
    const until = now();
    await upstream.become({ delayMs: 5 });
    const closes = () => circuitEvents(fleet, 'close').filter(({ at }) => at > until);
    await eventually('all circuits to close', 3 * RESET_MS, async () => closes().length === processes);
    await load.stop();
    const arrivals = (await upstream.arrivals()).filter(({ at }) => at > from && at < until);
    const opens = circuitEvents(fleet, 'open').filter(({ at }) => at > from);
    // Those that follow are failed probes, at whose time all of them open once more.
    const first = fleet.processes.map(({ port }) => opens.find((event) => event.port === port));
    const opened = first.flatMap((event) => event ?? []);
    const allOpenAt = Math.max(...opened.map(({ at }) => at)) + ON_THE_WAY_MS;
    const probes = arrivals.filter(({ at }) => at > allOpenAt).length;
    return { reached: arrivals.length, probes, opens: opened, closes: closes() };
  }
  return { processes, outage };
}

async function scene() {
  const { url } = await startRedis();
  return { one: await fleetOf(1, url), four: await fleetOf(4, url) };
}

/** Two fleets, each in front of an API that is dead for as long. */
export const row = rowOf('API dead 30 s, 1 process and 4 processes', scene, async ({ one, four }) => {
  const [alone, together] = await Promise.all([one.outage(), pass(APART_MS).then(() => four.outage())]);
  const ratio = together.reached / alone.reached;
  const [opened, closed] = [spreadOf(together.opens), spreadOf(together.closes)];
  return [
    hard(
      'once all are open: 4 processes at most 1.3 x of 1',
      `${(together.probes / alone.probes).toFixed(2)} x (${alone.probes}, ${together.probes})`,
      together.probes <= 1.3 * alone.probes,
    ),
    // Of 500 a second those too that came while the news was on its way.
    timed(
      'calls that reach it: 4 processes at most 1.3 x of 1',
      `${ratio.toFixed(2)} x (${alone.reached}, ${together.reached})`,
      ratio <= 1.3,
    ),
    hard('all open', `${together.opens.length} of 4`, together.opens.length === 4),
    timed('within 100 ms of the first', ms(opened), opened <= 100),
    hard('all closed', `${together.closes.length} of 4`, together.closes.length === 4),
    timed('within 200 ms', ms(closed), closed <= 200),
  ];
});
