import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onCleanup } from './cleanup.js';

/** Debian's folder of nginx, which is not on every user's path. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Starts nginx with this inside `http { … }`, after `nginx -t` has accepted it, and ends it after the test. */
export async function startNginx(http: string, port: number, { connections = 64 } = {}): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rpo-nginx-'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const file = join(folder, 'nginx.conf');
  await writeFile(
    file,
    `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections ${connections}; }
http {
access_log off;
${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
${http}
}`,
  );
  const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')];
  await promisify(execFile)('nginx', [...args, '-t'], { env });
  const nginx = spawn('nginx', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  onCleanup(async () => {
    const exit = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    if (nginx.exitCode === null) await exit;
    await rm(folder, { recursive: true, force: true });
  });
  while (!(await accepts(port))) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => setTimeout(resolve, 10, false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
