import { type RedisServer, startRedis } from '../../support/redis.js';
import { eventually, type Fleet, startFleet } from '../kit/fleet.js';
import type { Ledger } from '../kit/ledger.js';
import { type CallKind, type Load, startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { type Check, hard, ms, timed } from '../kit/row.js';
import { type ChaosUpstream, startChaosUpstream } from '../kit/upstream.js';

/** Calls a second of all processes together. */
export const RATE = 500;
const WARM_UP_MS = 2000;
const UNDISTURBED_MS = 6000;
const EXACT_WITHIN_MS = 5000;

/** Half of the calls go through, the others are mostly answered by copies. */
const MIX: readonly CallKind[] = [
  { kind: 'pass-through', share: 1, path: '/api/plain/{n}' },
  { kind: 'cached', share: 1, path: '/api/cached/{n}', variants: 100 },
];

/** Four processes that share a Redis, and a load that is known undisturbed. */
export interface SharedRedisScene {
  readonly redis: RedisServer;
  readonly fleet: Fleet;
  readonly upstream: ChaosUpstream;
  /** Calls of a load without any fault; measured when it is first wanted. */
  undisturbed(): Promise<Ledger>;
  /** Ends all processes and starts them again. */
  startAnew(): Promise<void>;
  /** Runs the load around a fault. @returns the calls from its beginning to its end */
  disturbed(fault: () => Promise<void>): Promise<Ledger>;
  /** Whether the statistics say, soon after, what the ledgers do: nothing lost, nothing twice. */
  exact(): Promise<Check>;
}

/** The scene; its Redis keeps its data when it is killed, as one with a disk does. */
export const sharedRedis = (): Promise<SharedRedisScene> => sharedRedisScene();

/** The same, with a Redis that is absent when the fleet starts. */
export const absentRedis = (): Promise<SharedRedisScene> => sharedRedisScene({ absent: true });

async function sharedRedisScene({ absent = false } = {}): Promise<SharedRedisScene> {
  const upstream = await startChaosUpstream({ delayMs: 5 });
  const redis = await startRedis({ flags: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  if (absent) await redis.kill();
  const fleet = await startFleet({
    config: {
      redis: redis.url,
      apis: {
        plain: { target: upstream.url },
        cached: { target: upstream.url, cache: { ttlMs: 5000 } },
      },
    },
  });
  if (!absent) await fleet.connected();
  const ledgers: Ledger[] = [];
  let undisturbed: Promise<Ledger> | undefined;
  const load = (): Promise<Load> => startLoad({ rate: RATE, targets: fleet.urls, mix: MIX });
  const disturbed = async (fault: () => Promise<void>): Promise<Ledger> => {
    const running = await load();
    await pass(WARM_UP_MS);
    const from = now();
    await fault();
    const until = now();
    const ledger = await running.stop();
    ledgers.push(ledger);
    return ledger.of({ from, until });
  };
  // Code that has not run yet is slow the first time; that is no fault's doing.
  if (!absent) await disturbed(() => pass(WARM_UP_MS));
  return {
    redis,
    fleet,
    upstream,
    undisturbed: () => (undisturbed ??= disturbed(() => pass(UNDISTURBED_MS))),
    async startAnew() {
      await Promise.all(fleet.processes.map((process) => process.end('SIGTERM')));
      await Promise.all(fleet.processes.map((process) => process.start()));
    },
    disturbed,
    exact: () => exact(fleet, ledgers),
  };
}

async function exact(fleet: Fleet, ledgers: readonly Ledger[]): Promise<Check> {
  const expected = ledgers.reduce((sum, { calls }) => sum + calls, 0);
  const counted = async (): Promise<number> => {
    const [plain, cached] = [await fleet.figures('plain'), await fleet.figures('cached')];
    return plain.total + cached.total;
  };
  const agrees = async (): Promise<boolean> => (await counted()) === expected;
  await eventually('exact statistics', EXACT_WITHIN_MS, agrees).catch(() => {});
  // What is sent once more must not be counted once more.
  await pass(1500);
  const last = await counted();
  return hard('statistics exact afterwards', `${last} of ${expected} calls`, last === expected);
}

/** That no call failed. */
export function noneFailed(ledger: Ledger): Check {
  const { failed, calls, outcomes } = ledger;
  const seen = failed === 0 ? `0 of ${calls}` : `${failed} of ${calls} (${outcomes})`;
  return hard('0 failed', seen, failed === 0 && calls > 0);
}

/** Says so where the generator itself was held up: the machine was busy with other things. */
export function busy({ lateP99 }: Ledger): string {
  return lateP99 > 10 ? `, sent ${ms(lateP99)} late` : '';
}

/** That the p99 of a kind is at most so much above that of the load without a fault. */
export function slowerByAtMost(kind: string, limitMs: number, ledger: Ledger, undisturbed: Ledger): Check {
  const [with_, without] = [ledger.of({ kind }).p99, undisturbed.of({ kind }).p99];
  const more = with_ - without;
  const measured = `${more < 0 ? '-' : '+'}${ms(Math.abs(more))} (${ms(without)} to ${ms(with_)})${busy(ledger)}`;
  return timed(`${kind} p99 at most +${limitMs} ms`, measured, more <= limitMs);
}
