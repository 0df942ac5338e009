import { startRedis } from '../../support/redis.js';
import { startRelay } from '../kit/relay.js';
import { failOver } from '../scenes/fail-over.js';

/** One address leads to another server from now on; connections to the old one stay, and it becomes a replica. */
export const row = failOver('primary behind a virtual IP lost', async () => {
  const flags = ['--repl-diskless-sync-delay', '0'];
  const [old, next] = [await startRedis({ flags }), await startRedis({ flags })];
  await next.control.replicaof(old.host, old.port);
  const name = await startRelay(old.port);
  return {
    redis: { host: '127.0.0.1', port: name.port },
    async lose() {
      await next.control.replicaof('NO', 'ONE');
      await old.control.replicaof(next.host, next.port);
      name.target = next.port;
      return old.control;
    },
  };
});
