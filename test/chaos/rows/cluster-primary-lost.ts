import { Redis } from 'ioredis';
import { onCleanup } from '../../support/cleanup.js';
import { type ClusterNode, startClusterOfSix } from '../../support/redis-topologies.js';
import { eventually } from '../kit/fleet.js';
import { pass } from '../kit/now.js';
import { failOver } from '../scenes/fail-over.js';

interface Node extends ClusterNode {
  readonly control: Redis;
}

/** The one that counts the calls hangs until its replica has its place, and goes on as if nothing had been. */
export const row = failOver('primary of Cluster lost', async () => {
  const nodes = (await startClusterOfSix()).map((node) => ({ ...node, control: connectionTo(node) }));
  return {
    redis: { cluster: nodes.slice(3).map(({ port }) => ({ host: '127.0.0.1', port })) },
    async lose() {
      const lost = await primaryThatCounts(nodes);
      lost.child.kill('SIGSTOP');
      const others = nodes.filter((node) => node !== lost);
      await eventually('its replica to be promoted', 20_000, async () => {
        const roles = await Promise.all(others.map(({ control }) => control.role() as Promise<unknown[]>));
        return roles.filter(([role]) => role === 'master').length === 3;
      });
      lost.child.kill('SIGCONT');
      return lost.control;
    },
    traces,
  };
});

function connectionTo({ port }: ClusterNode): Redis {
  const control = new Redis({ host: '127.0.0.1', port });
  control.on('error', () => {});
  onCleanup(() => control.disconnect());
  return control;
}

async function primaryThatCounts(nodes: readonly Node[]): Promise<Node> {
  for (const node of nodes) {
    const [role] = (await node.control.role()) as unknown[];
    if (role === 'master' && (await node.control.keys('*quota*')).length > 0) return node;
  }
  throw new Error('No node counts the calls');
}

/** A replica of a Cluster may tell where what is, and pass messages on; commands for data are wrong there. */
async function traces(node: Redis): Promise<readonly string[]> {
  const before = await redirections(node);
  await pass(2000);
  const after = await redirections(node);
  return [...after].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
}

async function redirections(node: Redis): Promise<Map<string, number>> {
  const errors = await node.info('errorstats');
  const matches = errors.matchAll(/^errorstat_(MOVED|READONLY|CLUSTERDOWN):count=(\d+)/gm);
  return new Map([...matches].map(([, name = '', count]) => [name, Number(count)]));
}
