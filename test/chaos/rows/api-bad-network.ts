import { call } from '../../support/client.js';
import { type Fleet, startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { pass } from '../kit/now.js';
import { type RelayFault, startRelay } from '../kit/relay.js';
import { hard, ms, row as rowOf } from '../kit/row.js';
import { startChaosUpstream } from '../kit/upstream.js';

const BROKEN_MS = 15_000;
const RATE = 500;

async function scene() {
  const upstream = await startChaosUpstream({ delayMs: 5 });
  const relay = await startRelay(upstream.port);
  const fleet = await startFleet({
    config: {
      apis: {
        x: {
          target: relay.url,
          requestTimeoutMs: 3000,
          // So that there are new connections all the time for faults to strike.
          maxConnectionAgeMs: 2000,
          retry: { initialDelayMs: 50 },
        },
      },
    },
  });
  return { relay, fleet };
}

const reset = (afterBytes: number): RelayFault => ({ kind: 'reset', afterBytes });

/** One in ten is reset, half of them before the request and half at the first byte of a response. */
const FAULTS = [
  { ...reset(0), share: 0.05 },
  { ...reset(1), share: 0.05 },
  { kind: 'blackHole', share: 0.01 },
  { kind: 'bandwidth', bytesPerSecond: 10_000 },
] as const;

/** Attempts of all processes. */
async function attempts({ urls }: Fleet): Promise<number> {
  const pages = await Promise.all(urls.map((url) => call(`${url}/metrics`)));
  const counts = pages.flatMap(({ text }) => [...text.matchAll(/^\w+_attempts_total\{[^}]*\} (\d+)$/gm)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Idempotent calls over connections that break, hang and are slow. */
export const row = rowOf(
  '10 % of connections to the API reset, 1 % black holes, 10 KB/s',
  scene,
  async ({ relay, fleet }) => {
    relay.strike(FAULTS);
    const [attemptsBefore, connectionsBefore] = [await attempts(fleet), relay.connections.total];
    const mix = [{ kind: 'x', share: 1, path: '/api/x/{n}' }];
    const load = await startLoad({ rate: RATE, targets: fleet.urls, mix, timeoutMs: 32_000 });
    await pass(BROKEN_MS);
    const ledger = await load.stop();
    const perCall = ((await attempts(fleet)) - attemptsBefore) / ledger.calls;
    const not200 = ledger.calls - ledger.of({ status: 200 }).calls;
    const connections = relay.connections.total - connectionsBefore;
    return [
      hard(
        'idempotent: 0 failed',
        `${not200} of ${ledger.calls}${not200 > 0 ? ` (${ledger.outcomes})` : `, p99 ${ms(ledger.p99)}`}`,
        not200 === 0,
      ),
      hard('attempts per call at most 1.3', perCall.toFixed(3), perCall >= 1 && perCall <= 1.3),
      hard('faults have struck', `${connections} connections`, connections > 150),
    ];
  },
);
