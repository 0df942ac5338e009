import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { onCleanup } from './cleanup.js';
import { unusedPort } from './listening.js';
import { within } from './until.js';

/** Options of a {@link RedisServer}. */
export interface RedisServerOptions {
  password?: string;
  /** More arguments of the program. */
  flags?: readonly string[];
}

/** A `redis-server` process. */
export interface RedisServer {
  readonly port: number;
  readonly host: string;
  /** URL, with the password if there is one. */
  readonly url: string;
  /** A separate connection, to inspect the data. */
  readonly control: Redis;
  /** Number of calls of each command, by name in lower case, control connection included. */
  commandCalls(): Promise<Readonly<Record<string, number>>>;
  /** Suspends the process: connections stay open, and nothing responds. */
  stall(): void;
  resume(): void;
  /** Kills it; no data is kept. */
  kill(): Promise<void>;
  /** Starts it again on the same port after {@link kill}. */
  restart(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Starts a Redis on a free port, without persistence; ended with the test. */
export async function startRedis({ password, flags = [] }: RedisServerOptions = {}): Promise<RedisServer> {
  const secret = password === undefined ? [] : ['--requirepass', password];
  const { server, end } = await start([...secret, ...flags], password);
  onCleanup(end);
  return server;
}

let cluster: Promise<Started> | undefined;

/**
 * A Redis Cluster of one node with all slots: it refuses commands across slots, as any cluster does. Empty at first. A
 * node takes two seconds to be usable, so all tests share one.
 */
export async function redisCluster(): Promise<RedisServer> {
  cluster ??= startCluster();
  const { server } = await cluster;
  await server.control.flushall();
  return server;
}

if (typeof after === 'function') after(async () => (await cluster)?.end());

async function startCluster(): Promise<Started> {
  // It learns its own address only from another node.
  const flags = ['--cluster-enabled', 'yes', '--cluster-announce-ip', HOST];
  const started = await start([...flags, '--cluster-port', `${await unusedPort()}`]);
  await claimAllSlots(started.server.control);
  return started;
}

interface Started {
  readonly server: RedisServer;
  end(): Promise<void>;
}

async function start(more: readonly string[], password?: string): Promise<Started> {
  const port = await unusedPort();
  const directory = await mkdtemp(join(tmpdir(), 'rpo-redis-'));
  const flags = [
    ...['--port', `${port}`, '--bind', HOST, '--dir', directory, '--save', '', '--appendonly', 'no'],
    ...more,
  ];
  let child = await launched(flags);
  const control = new Redis({ host: HOST, port, password, retryStrategy: () => 20 });
  control.on('error', () => {});
  const kill = (): Promise<void> => ended(child);
  await control.ping();

  const server: RedisServer = {
    port,
    host: HOST,
    url: `redis://${password === undefined ? '' : `:${password}@`}${HOST}:${port}`,
    control,
    commandCalls: async () => callsIn(await control.info('commandstats')),
    stall: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    async restart() {
      child = await launched(flags);
    },
  };
  const end = async (): Promise<void> => {
    control.disconnect();
    await kill();
    await rm(directory, { recursive: true, force: true });
  };
  return { server, end };
}

/** The process, once it accepts connections. */
async function launched(flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'ignore'] });
  // It ends with the test process.
  const killed = () => void child.kill('SIGKILL');
  process.once('exit', killed);
  child.once('exit', () => process.off('exit', killed));
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
  await within(ready, 'redis-server to take connections');
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function claimAllSlots(control: Redis): Promise<void> {
  await control.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  const usable = async (): Promise<void> => {
    while (!(await control.cluster('INFO')).includes('cluster_state:ok'))
      await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await within(usable(), 'the cluster to be usable');
}

/** Lines such as `cmdstat_get:calls=1,usec=2,…`. */
function callsIn(info: string): Record<string, number> {
  const lines = info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name = '', calls]) => [name, Number(calls)]));
}
