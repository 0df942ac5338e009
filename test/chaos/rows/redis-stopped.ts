import { pass } from '../kit/now.js';
import { row as rowOf } from '../kit/row.js';
import { noneFailed, sharedRedis, slowerByAtMost } from '../scenes/shared-redis.js';

/** SIGSTOP: connections stay open and take commands, and nothing replies for 10 s. */
export const row = rowOf('Redis stopped (SIGSTOP) for 10 s', sharedRedis, async (scene) => {
  const undisturbed = await scene.undisturbed();
  const ledger = await scene.disturbed(async () => {
    scene.redis.stall();
    await pass(10_000);
    scene.redis.resume();
    await pass(2000);
  });
  return [
    noneFailed(ledger),
    slowerByAtMost('pass-through', 20, ledger, undisturbed),
    slowerByAtMost('cached', 60, ledger, undisturbed),
    await scene.exact(),
  ];
});
