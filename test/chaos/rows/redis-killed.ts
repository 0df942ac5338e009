import { pass } from '../kit/now.js';
import { row as rowOf } from '../kit/row.js';
import { noneFailed, sharedRedis, slowerByAtMost } from '../scenes/shared-redis.js';

/** Connections are refused for 10 s; the new process has the data of the old one. */
export const row = rowOf('Redis killed, new after 10 s', sharedRedis, async (scene) => {
  const undisturbed = await scene.undisturbed();
  const ledger = await scene.disturbed(async () => {
    await scene.redis.kill();
    await pass(10_000);
    await scene.redis.restart();
    await pass(2000);
  });
  return [
    noneFailed(ledger),
    slowerByAtMost('pass-through', 20, ledger, undisturbed),
    slowerByAtMost('cached', 60, ledger, undisturbed),
    await scene.exact(),
  ];
});
