import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onCleanup } from './cleanup.js';
import { unusedPort } from './listening.js';
import { type RedisServer, startRedis } from './redis.js';
import { within } from './until.js';

const HOST = '127.0.0.1';

/** A primary with a replica, and three Sentinels that watch them as `main`. */
export interface SentinelTrio {
  readonly sentinels: readonly number[];
  readonly primary: RedisServer;
  readonly replica: RedisServer;
}

/** Starts them; a primary that is gone is replaced after a second. */
export async function startSentinels({ password = '' } = {}): Promise<SentinelTrio> {
  const primary = await startRedis();
  const replica = await startRedis({ flags: ['--replicaof', HOST, `${primary.port}`] });
  const folder = await mkdtemp(join(tmpdir(), 'rpo-sentinel-'));
  onCleanup(() => rm(folder, { recursive: true, force: true }));
  const sentinels: number[] = [];
  for (let i = 0; i < 3; i++) {
    const port = await unusedPort();
    const file = join(folder, `${port}.conf`);
    const lines = [
      `port ${port}`,
      `bind ${HOST}`,
      `dir ${folder}`,
      `sentinel monitor main ${HOST} ${primary.port} 2`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
      ...(password ? [`requirepass ${password}`, `sentinel sentinel-pass ${password}`] : []),
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    launch([file, '--sentinel']);
    sentinels.push(port);
  }
  await eventually('the Sentinels to know each other and the replica', async () => {
    const known = await Promise.all(
      sentinels.map((port) =>
        asked(port, password, async (client) => {
          const [peers, replicas] = [
            (await client.call('SENTINEL', 'SENTINELS', 'main')) as unknown[],
            (await client.call('SENTINEL', 'REPLICAS', 'main')) as unknown[],
          ];
          return peers.length === 2 && replicas.length === 1;
        }),
      ),
    );
    return known.every(Boolean);
  });
  return { sentinels, primary, replica };
}

/** A node of a {@link startClusterOfSix}. */
export interface ClusterNode {
  readonly port: number;
  readonly child: ChildProcess;
}

/** Starts a Cluster of three primaries with a replica each. */
export async function startClusterOfSix(): Promise<readonly ClusterNode[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rpo-cluster-'));
  onCleanup(() => rm(folder, { recursive: true, force: true }));
  const nodes: ClusterNode[] = [];
  while (nodes.length < 6) {
    const node = await startNode(folder);
    if (node) nodes.push(node);
  }
  const addresses = nodes.map(({ port }) => `${HOST}:${port}`);
  execFileSync(
    'redis-cli',
    ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'],
    { stdio: 'pipe' },
  );
  await eventually('the Cluster', async () => {
    const states = nodes.map(({ port }) =>
      asked(port, '', async (client) => {
        const state = String(await client.call('CLUSTER', 'INFO'));
        // A replica that has not got the data yet would take no primary's place.
        return (
          /cluster_state:ok/.test(state) && /role:master|master_link_status:up/.test(await client.info())
        );
      }),
    );
    return (await Promise.all(states)).every(Boolean);
  });
  return nodes;
}

/** `undefined` where somebody else has taken one of its ports meanwhile. */
async function startNode(folder: string): Promise<ClusterNode | undefined> {
  const [port, bus] = [await unusedPort(), await unusedPort()];
  const options = {
    port,
    bind: HOST,
    dir: folder,
    save: '',
    'cluster-enabled': 'yes',
    'cluster-port': bus,
    'cluster-config-file': `${port}.conf`,
    'cluster-node-timeout': 1000,
    'repl-diskless-sync-delay': 0,
  };
  const child = launch(Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]));
  let runs = false;
  await eventually(`node ${port}`, async () => {
    runs = await asked(port, '', async (client) => (await client.ping()) === 'PONG');
    return runs || child.exitCode !== null;
  });
  return runs ? { port, child } : undefined;
}

/** A process that ends with the test. */
function launch(args: readonly string[]): ChildProcess {
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const killed = () => void child.kill('SIGKILL');
  process.once('exit', killed);
  child.once('exit', () => process.off('exit', killed));
  onCleanup(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

/** The answer of a node; `false` where it does not reply. */
async function asked(
  port: number,
  password: string,
  ask: (client: Redis) => Promise<boolean>,
): Promise<boolean> {
  const auth = password ? { password } : {};
  const client = new Redis({ host: HOST, port, ...auth, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return await ask(client);
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await within(wait(), what, 15_000);
}
