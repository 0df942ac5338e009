#!/usr/bin/env node
// The gateway's log where it cannot be written: every call is logged, 1 KB a line. No call may fail, at most 16 MB may be
// kept, and what was lost is told once lines can be written again.
//
//   npm run build && node test/bench/log.mjs [--calls=30000] [--workers=2]
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const calls = Number(arg.calls ?? 30_000);
const more = arg.workers ? ['--workers', arg.workers] : [];
const CONNECTIONS = 32;
const PATH = `/api/x/${'q'.repeat(700)}`;
const LOST = /(\d+) log lines could not be written: ([^"]*)/;

const folder = mkdtempSync(join(tmpdir(), 'bench-log-'));
const target = http.createServer((_req, res) => res.end('ok'));
target.keepAliveTimeout = 60_000;
await new Promise((ok) => target.listen(0, '127.0.0.1', ok));
const config = join(folder, 'apis.yaml');
writeFileSync(config, `apis: { x: { target: "http://127.0.0.1:${target.address().port}" } }`);

/** Folder of a disk of 1 MiB; `undefined` where none can be mounted. */
function smallDisk() {
  try {
    const disk = mkdtempSync(join(folder, 'disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    return disk;
  } catch {
    return undefined;
  }
}

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function start(stderr) {
  const args = ['dist/lib/gateway/main.js', '--config', config, '--port', '0', '--access-log', ...more];
  const env = { ...process.env, LOG_FORMAT: 'json' };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', stderr], env });
  const line = await new Promise((ok) => child.stdout.once('data', (chunk) => ok(String(chunk))));
  return { child, url: /http:\S+/.exec(line)[0] };
}

async function load(url) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const get = (path) =>
    new Promise((ok) => {
      const req = http.get(url + path, { agent, timeout: 5000 }, (res) => {
        let text = '';
        res.on('data', (chunk) => {
          text += chunk;
        });
        res.on('close', () => ok({ ok: res.statusCode === 200 && res.complete, text }));
      });
      req.on('timeout', () => req.destroy());
      req.on('error', () => ok({ ok: false, text: '' }));
    });
  for (let i = 0; i < 200; i++) await get('/api/x/warm-up');
  let left = calls;
  let failed = 0;
  const begun = performance.now();
  const client = async () => {
    while (left-- > 0) if (!(await get(PATH)).ok) failed++;
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  const rate = Math.round(calls / ((performance.now() - begun) / 1000));
  const health = async () => JSON.parse((await get('/health?verbose=1')).text).log;
  return { failed, rate, get, health };
}

/** @param recover lets lines be written again, and resolves with a function that reads them */
async function measure(name, stderr, prepare, recover) {
  const { child, url } = await start(stderr);
  prepare?.(child);
  const { failed, rate, get, health } = await load(url);
  const log = await health();
  const rss = rssOf(child.pid);
  let told = '';
  const read = await recover?.(child);
  for (let i = 0; read && i < 100 && !told; i++) {
    await get('/api/x/again');
    told = LOST.exec(read())?.[0] ?? '';
    await sleep(50);
  }
  child.kill('SIGTERM');
  const code = await new Promise((ok) => child.once('exit', ok));
  const kept = `${(log.waitingBytes / 1e6).toFixed(1)} MB`;
  return {
    name,
    failed,
    'calls/s': rate,
    kept,
    'RSS MB': Math.round(rss),
    dropped: log.droppedLines,
    problem: log.problem,
    told,
    code,
  };
}

function reads(child) {
  let text = '';
  child.stderr.on('data', (chunk) => {
    text = (text + chunk).slice(-100_000);
    if (LOST.test(text)) child.stderr.removeAllListeners('data').on('data', () => {});
  });
  child.stderr.resume();
  return () => text;
}

const rows = [];
rows.push(await measure('a reader that reads', 'pipe', (child) => child.stderr.resume()));
rows.push(await measure('a reader that does not', 'pipe', (child) => child.stderr.pause(), reads));
rows.push(await measure('a reader that has gone', 'pipe', (child) => child.stderr.destroy()));
const disk = smallDisk();
const file = disk ? join(disk, 'log') : '/dev/full';
const fd = openSync(file, 'a');
const free = () => {
  truncateSync(file);
  return () => readFileSync(file, 'utf8');
};
rows.push(
  await measure(disk ? 'a full disk (tmpfs)' : 'a full disk (/dev/full)', fd, undefined, disk && free),
);
closeSync(fd);
if (disk) execFileSync('umount', [disk]);
rmSync(folder, { recursive: true });
target.close();
target.closeAllConnections();
console.table(rows);
const wrong = rows.filter(
  ({ failed, kept, code, problem, told, name }) =>
    failed > 0 ||
    code !== 0 ||
    Number.parseFloat(kept) > 16 ||
    (problem && !told && !/gone|dev\/full/.test(name)),
);
process.exitCode = wrong.length > 0 ? 1 : 0;
