import { pass } from '../kit/now.js';
import { ms, row as rowOf, timed } from '../kit/row.js';
import { busy, noneFailed, sharedRedis } from '../scenes/shared-redis.js';

const STALL_MS = 600;
const EVERY_MS = 4000;
const TIMES = 3;

/** As a fork for a snapshot, a slow command or a busy host do. */
export const row = rowOf('Redis stalls 0.6 s every 4 s', sharedRedis, async (scene) => {
  const ledger = await scene.disturbed(async () => {
    for (let i = 0; i < TIMES; i++) {
      scene.redis.stall();
      await pass(STALL_MS);
      scene.redis.resume();
      await pass(EVERY_MS - STALL_MS);
    }
  });
  const { p99 } = ledger.of({ kind: 'cached' });
  return [
    noneFailed(ledger),
    timed('cached p99 below 150 ms', `${ms(p99)}${busy(ledger)}`, p99 < 150),
    await scene.exact(),
  ];
});
