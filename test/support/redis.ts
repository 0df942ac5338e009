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

/** How a {@link RedisServer} is started; it ends with the test. */
export interface RedisServerOptions {
  password?: string;
}

/** A `redis-server` process. */
export interface RedisServer {
  readonly port: number;
  readonly host: string;
  /** With the password, where there is one. */
  readonly url: string;
  /** A connection beside those under test, for looking at what is in there. */
  readonly control: Redis;
  /** How often each command was called, by name in lower case; those of the control connection count too. */
  commandCalls(): Promise<Readonly<Record<string, number>>>;
  /** Stops the process in its tracks: connections stay, and nobody answers. */
  stall(): void;
  resume(): void;
  /** Ends it at once; nothing is kept. */
  kill(): Promise<void>;
  /** Starts it again on the same port after {@link kill}. */
  restart(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Starts a Redis on a free port that keeps nothing on disk. */
export async function startRedis({ password }: RedisServerOptions = {}): Promise<RedisServer> {
  const { server, end } = await start(password === undefined ? [] : ['--requirepass', password], password);
  onCleanup(end);
  return server;
}

let cluster: Promise<Started> | undefined;

/**
 * One node that has all slots of a Redis Cluster: it refuses commands over several slots, as any cluster does. It is
 * empty at first. A node takes two seconds to be usable, so all tests have the same one.
 */
export async function redisCluster(): Promise<RedisServer> {
  cluster ??= startCluster();
  const { server } = await cluster;
  await server.control.flushall();
  return server;
}

if (typeof after === 'function') after(async () => (await cluster)?.end());

async function startCluster(): Promise<Started> {
  // It knows its own address only when another node tells it.
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

/** The process, once it takes connections. */
async function launched(flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'ignore'] });
  // A test process that dies takes it along.
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

/** Lines as `cmdstat_get:calls=1,usec=2,…`. */
function callsIn(info: string): Record<string, number> {
  const lines = info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name = '', calls]) => [name, Number(calls)]));
}
