import { startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { hard, ms, row as rowOf, timed } from '../kit/row.js';
import { startSlowClients } from '../kit/slow-clients.js';
import { startChaosUpstream } from '../kit/upstream.js';

const PART_MS = 6000;
/** How long a body may be too slow; a byte a second is too slow from its begin. */
const GRACE_MS = 5000;
const CLIENTS = { heads: 1000, bodies: 1000, idle: 2000 };

async function scene() {
  const upstream = await startChaosUpstream({ delayMs: 5 });
  const api = { target: upstream.url, bodyTimeoutMs: GRACE_MS };
  // As docs/performance.md has it for machines with few cores: with four threads for V8's garbage a collection is felt.
  const env = { NODE_OPTIONS: '--v8-pool-size=1' };
  return startFleet({ processes: 2, config: { apis: { x: api } }, env });
}

/**
 * All of them on the API that the honest clients call, and on their process. Before, they are on another one: what they
 * cost the machine, which they share with the honest clients, is no doing of the gateway.
 */
export const row = rowOf(
  '2 000 clients with 1 byte/s heads and bodies, 2 000 idle',
  scene,
  async ({ urls: [url = ''], processes: [process, other] }) => {
    const mix = [
      { kind: 'honest', share: 3, path: '/api/x/{n}' },
      { kind: 'honest', share: 1, path: '/api/x/{n}', method: 'POST', body: '{"a":1}' } as const,
    ];
    const load = await startLoad({ rate: 500, targets: [url], mix });
    const held = async (port = 0) => {
      const slow = await startSlowClients({ ...CLIENTS, port, overMs: GRACE_MS, path: '/api/x/slow' });
      await pass(1000);
      const from = now();
      await pass(PART_MS);
      return { slow, span: { from, until: now() } };
    };
    const elsewhere = await held(other?.port);
    await elsewhere.slow.leave();
    await pass(1000);
    const { slow, span } = await held(process?.port);
    const report = await slow.report();
    const ledger = await load.stop();
    const [before, during] = [ledger.of(elsewhere.span), ledger.of(span)];
    const all = ledger.of({ from: elsewhere.span.from });
    const factor = during.p99 / before.p99;
    const ended = report.bodies['408'] ?? 0;
    return [
      hard(
        'honest: 0 failed',
        `${all.failed} of ${all.calls}${all.failed > 0 ? ` (${all.outcomes})` : ''}`,
        all.failed === 0,
      ),
      timed(
        'honest p99 at most x1.5',
        `x${factor.toFixed(2)} (${ms(before.p99)} to ${ms(during.p99)})`,
        factor <= 1.5,
      ),
      hard(
        'slow bodies are ended',
        `${ended} by 408, all: ${JSON.stringify(report.bodies)}`,
        ended >= CLIENTS.bodies,
      ),
      timed('within 6 s', ms(report.longestBodyMs), report.longestBodyMs <= GRACE_MS + 1000),
    ];
  },
);
