import { startSentinels } from '../../support/redis-topologies.js';
import { eventually } from '../kit/fleet.js';
import { failOver } from '../scenes/fail-over.js';

/** It hangs until another one has its place, and goes on as if nothing had been. */
export const row = failOver('primary of Sentinel lost', async () => {
  const { sentinels, primary, replica } = await startSentinels();
  return {
    redis: { sentinels: sentinels.map((port) => ({ host: '127.0.0.1', port })), name: 'main' },
    async lose() {
      primary.stall();
      await eventually('the replica to be promoted', 20_000, async () => {
        const [role] = (await replica.control.role()) as unknown[];
        return role === 'master';
      });
      primary.resume();
      return primary.control;
    },
  };
});
