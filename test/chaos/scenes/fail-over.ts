import type { Redis } from 'ioredis';
import { eventually, type Fleet, startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { type Check, hard, type Row, row as rowOf, timed } from '../kit/row.js';
import { type ChaosUpstream, startChaosUpstream } from '../kit/upstream.js';
import { busy, noneFailed } from './shared-redis.js';

const LIMIT = 50;
const WITHIN = 0.05;
/** Time for the fleet to find the next primary. */
const FOUND_WITHIN_MS = 3000;
const MEASURED_MS = 9000;
const LEFT_WITHIN_MS = 5000;

/** A Redis whose primary can be lost. */
export interface Topology {
  /** The fleet's block `redis`. */
  readonly redis: Readonly<Record<string, unknown>>;
  /** Loses the primary. Resolves with a connection to it once another one has its place. */
  lose(): Promise<Redis>;
  /**
   * What the fleet has on a node that is a replica now.
   * @default its connections
   */
  traces?(node: Redis): Promise<readonly string[]>;
}

interface FailOver {
  readonly topology: Topology;
  readonly fleet: Fleet;
  readonly upstream: ChaosUpstream;
}

/** A row about the loss of a primary: four processes, and an API that may be called 50 times a second. */
export function failOver(fault: string, start: () => Promise<Topology>): Row {
  return rowOf(fault, async () => startFailOver(await start()), measure);
}

async function startFailOver(topology: Topology): Promise<FailOver> {
  const upstream = await startChaosUpstream({ delayMs: 5 });
  const fleet = await startFleet({
    config: {
      // On a busy machine a reply may take longer than 50 ms; processes that go by themselves would be counted here.
      redis: { ...topology.redis, commandTimeoutMs: 250 },
      apis: {
        plain: { target: `${upstream.url}/plain` },
        limited: { target: `${upstream.url}/limited`, rateLimit: { limit: LIMIT, windowMs: 1000 } },
      },
    },
  });
  await fleet.connected(30_000);
  return { topology, fleet, upstream };
}

async function measure({ topology, fleet, upstream }: FailOver): Promise<Check[]> {
  const load = await startLoad({
    rate: 500,
    targets: fleet.urls,
    mix: [
      { kind: 'plain', share: 3, path: '/api/plain/{n}' },
      { kind: 'limited', share: 2, path: '/api/limited/{n}' },
    ],
  });
  await pass(3000);
  const demoted = await topology.lose();
  const left = leftOn(demoted, topology.traces ?? connectionsOf);
  await pass(FOUND_WITHIN_MS);
  const from = now();
  await pass(MEASURED_MS);
  const until = now();
  const traces = await left;
  const ledger = await load.stop();
  const arrivals = await upstream.arrivals('/limited');
  const passed = arrivals.filter(({ at }) => at >= from && at < until).length;
  const rate = (passed * 1000) / (until - from);
  const offered = ledger.of({ kind: 'limited', from, until });
  return [
    noneFailed(ledger),
    hard(`${LIMIT}/s once promoted, at most 5 % above`, perSecond(rate), rate <= LIMIT * (1 + WITHIN)),
    timed(
      `${LIMIT}/s once promoted, at most 5 % below`,
      `${perSecond(rate)}${busy(offered)}`,
      rate >= LIMIT * (1 - WITHIN),
    ),
    hard('nothing on the demoted node after 5 s', traces.join(', ') || 'nothing', traces.length === 0),
  ];
}

const perSecond = (rate: number): string => `${rate.toFixed(1)}/s`;

/** What is left on it 5 s after it has become a replica. */
async function leftOn(
  node: Redis,
  traces: (node: Redis) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  await eventually('the old primary to be a replica', 15_000, async () => {
    const [role] = (await node.role().catch(() => [])) as unknown[];
    return role === 'slave';
  });
  await pass(LEFT_WITHIN_MS);
  return traces(node);
}

/** Clients but for us, replicas and Sentinels. */
async function connectionsOf(node: Redis): Promise<readonly string[]> {
  const lines = String(await node.client('LIST'))
    .trim()
    .split('\n');
  const clients = lines.map(
    (line) => new Map(line.split(' ').map((pair) => pair.split('=') as [string, string])),
  );
  const own = String(await node.client('ID'));
  return clients
    .filter((client) => client.get('id') !== own && !/[MS]/.test(client.get('flags') ?? ''))
    .filter((client) => !client.get('name')?.startsWith('sentinel-'))
    .map((client) => `a connection (${client.get('cmd')})`);
}
