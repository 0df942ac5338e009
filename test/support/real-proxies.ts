import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from './cleanup.js';
import { unusedPort } from './listening.js';
import { until } from './until.js';

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

function folderFor(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), `resilient-proxy-out-${program}-`));
  // squid gives its own privileges up.
  chmodSync(folder, 0o777);
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a program until the end of the test. */
async function run(program: string, argv: readonly string[], ready: (log: string) => boolean): Promise<void> {
  const child: ChildProcess = spawn(program, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const ended = new Promise((resolve) => child.once('close', resolve));
  onCleanup(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until(() => child.exitCode !== null || ready(log), `${program} to start`);
  if (child.exitCode !== null) throw new Error(`${program} did not start: ${log}`);
}

/** The real tinyproxy, which calls targets from this address. @returns its port */
export async function startTinyproxy(from: string): Promise<number> {
  const port = await unusedPort();
  const file = join(folderFor('tinyproxy'), 'tinyproxy.conf');
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Allow 127.0.0.1', `Bind ${from}`, 'MaxClients 50'];
  writeFileSync(file, `${lines.join('\n')}\n`);
  await run('tinyproxy', ['-d', '-c', file], (log) => log.includes('Accepting connections'));
  return port;
}

/** The real haproxy, which gives each connection to the next of these ports: a rotating gateway. @returns its port */
export async function startHaproxy(ports: readonly number[]): Promise<number> {
  const port = await unusedPort();
  const file = join(folderFor('haproxy'), 'haproxy.cfg');
  const times = ['connect', 'client', 'server'].map((what) => `  timeout ${what} 10s`);
  const servers = ports.map((to, i) => `  server s${i} 127.0.0.1:${to}`);
  const lines = ['defaults', '  mode tcp', ...times, 'listen gateway', `  bind 127.0.0.1:${port}`];
  writeFileSync(file, `${[...lines, '  balance roundrobin', ...servers].join('\n')}\n`);
  await run('haproxy', ['-db', '-V', '-f', file], (log) => log.includes('as the polling mechanism'));
  return port;
}

/** The real squid, which lets in everybody who says who he is. @returns its port, and the users that it has seen */
export async function startSquid(): Promise<{ port: number; users: () => string[] }> {
  const port = await unusedPort();
  const folder = folderFor('squid');
  const file = join(folder, 'squid.conf');
  const log = join(folder, 'access.log');
  const lines = [
    `http_port 127.0.0.1:${port}`,
    'auth_param basic program /usr/lib/squid/basic_fake_auth',
    'auth_param basic children 1',
    'acl known proxy_auth REQUIRED',
    'http_access allow known',
    'http_access deny all',
    `pid_filename ${join(folder, 'pid')}`,
    `cache_log ${join(folder, 'cache.log')}`,
    `logformat user %un`,
    `access_log stdio:${log} user`,
    `coredump_dir ${folder}`,
    'cache deny all',
    'pinger_enable off',
    'shutdown_lifetime 0 seconds',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  await run('squid', ['-N', '-d', '1', '-f', file], (told) => told.includes('Accepting HTTP Socket'));
  const users = () => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);
  return { port, users };
}
