import { pass } from '../kit/now.js';
import { row as rowOf } from '../kit/row.js';
import { absentRedis, noneFailed, slowerByAtMost } from '../scenes/shared-redis.js';

const FAULT_MS = 10_000;

/** The fleet starts without it, serves for 10 s, and then it comes. */
export const row = rowOf('Redis absent at start, new after 10 s', absentRedis, async (scene) => {
  const ledger = await scene.disturbed(async () => {
    await pass(FAULT_MS - 2000);
    await scene.redis.restart();
    await pass(2000);
  });
  // A process that has just started is slower: beside it stands a start with Redis.
  await scene.startAnew();
  await scene.fleet.connected();
  const undisturbed = await scene.disturbed(() => pass(FAULT_MS));
  return [
    noneFailed(ledger),
    slowerByAtMost('pass-through', 20, ledger, undisturbed),
    slowerByAtMost('cached', 60, ledger, undisturbed),
    await scene.exact(),
  ];
});
