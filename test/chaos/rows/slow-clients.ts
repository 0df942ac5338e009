import { startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { hard, ms, row as rowOf, timed } from '../kit/row.js';
import { startSlowClients } from '../kit/slow-clients.js';
import { startChaosUpstream } from '../kit/upstream.js';

const SPAN_MS = 10_000;
/** How long a body may be too slow in a gateway that has not been told otherwise; a byte a second is so from its begin. */
const GRACE_MS = 30_000;
const CLIENTS = { heads: 1000, bodies: 1000, idle: 2000 };
/** They began evenly over the time that each may take, and so are ended. */
const LEAST_ENDED = ((CLIENTS.bodies * SPAN_MS) / GRACE_MS) * 0.8;

async function scene() {
  // The least that an API elsewhere takes: to less, each pause of the garbage collector is a large part.
  const upstream = await startChaosUpstream({ delayMs: 25 });
  // As docs/performance.md has it for machines with few cores: with four threads for V8's garbage a collection is felt.
  const env = { NODE_OPTIONS: '--v8-pool-size=1' };
  return startFleet({ processes: 2, config: { apis: { x: { target: upstream.url } } }, env });
}

/**
 * Slow clients hold one of two processes, honest ones call both. What the slow ones cost the machine, and what else it does
 * just then, falls on both alike: what differs is the doing of the gateway.
 */
export const row = rowOf(
  '2 000 clients with 1 byte/s heads and bodies, 2 000 idle',
  scene,
  async ({ urls, processes: [held] }) => {
    const mix = [
      { kind: 'honest', share: 3, path: '/api/x/{n}' },
      { kind: 'honest', share: 1, path: '/api/x/{n}', method: 'POST', body: '{"a":1}' } as const,
    ];
    const load = await startLoad({ rate: 500, targets: urls, mix });
    const slow = await startSlowClients({
      ...CLIENTS,
      port: held?.port ?? 0,
      overMs: GRACE_MS,
      path: '/api/x/slow',
    });
    await pass(1000);
    const span = { from: now(), until: now() + SPAN_MS };
    await pass(SPAN_MS);
    const { bodies, oldestBodyMs } = await slow.report();
    const all = await load.stop();
    const [beside, apart] = [0, 1].map((target) => all.of({ ...span, target }).p99) as [number, number];
    const factor = beside / apart;
    const ended = Object.values(bodies).reduce((sum, count) => sum + count, 0);
    return [
      hard(
        'honest: 0 failed',
        `${all.failed} of ${all.calls}${all.failed > 0 ? ` (${all.outcomes})` : ''}`,
        all.failed === 0,
      ),
      timed(
        'honest p99 at most x1.5',
        `x${factor.toFixed(2)} (${ms(apart)}, beside slow ones ${ms(beside)})`,
        factor <= 1.5,
      ),
      // By 408, or by 503 where they have waited too long for a place among the uploads.
      hard(
        'slow bodies are ended, with a response',
        `${ended}: ${JSON.stringify(bodies)}`,
        ended >= LEAST_ENDED && !('closed' in bodies),
      ),
      timed('within 35 s', ms(oldestBodyMs), oldestBodyMs <= GRACE_MS + 5000),
    ];
  },
);
