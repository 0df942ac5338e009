#!/usr/bin/env node
// Equal calls that find nothing, at the same moment, at several processes on one Redis: how many reach the target.
//
//   npm run build && node test/bench/cache-shared.mjs [--processes=4] [--calls=1000] [--rounds=5]
//
// Needs redis-server.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';

if (process.argv[2] === '__peer') await peer(...process.argv.slice(3));
else await main();

async function peer(target, redis) {
  const { resilientProxy } = await import('resilient-proxy-out');
  const proxy = resilientProxy({ name: 'bench', target, redis, cache: { ttlMs: 60_000 } });
  const server = http.createServer(proxy).listen(0, H);
  await once(server, 'listening');
  process.send(server.address().port);
  process.once('disconnect', () => process.exit(0));
}

async function main() {
  const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
  const [processes, calls, rounds] = [arg.processes ?? 4, arg.calls ?? 1000, arg.rounds ?? 5].map(Number);
  const requests = new Map();
  const origin = http.createServer((req, res) => {
    requests.set(req.url, (requests.get(req.url) ?? 0) + 1);
    setTimeout(() => res.end('x'.repeat(1024)), 100);
  });
  await once(origin.listen(0, H), 'listening');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cache-shared-'));
  const socket = path.join(dir, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', dir];
  const redis = spawn('redis-server', options, { stdio: 'ignore' });
  while (!fs.existsSync(socket)) await sleep(20);
  const kids = Array.from({ length: processes }, () =>
    fork(SELF, ['__peer', `http://${H}:${origin.address().port}`, socket]),
  );
  try {
    const ports = await Promise.all(kids.map(async (kid) => (await once(kid, 'message'))[0]));
    const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
    const get = (port, url) =>
      new Promise((resolve) => {
        http
          .get({ host: H, port, path: url, agent }, (res) => {
            res.resume().on('end', () => resolve(res.statusCode));
          })
          .on('error', () => resolve(0));
      });
    // Opens the connections, so that the calls arrive together.
    await Promise.all(Array.from({ length: calls }, (_, i) => get(ports[i % processes], '/warm')));
    for (let round = 0; round < rounds; round++) {
      const url = `/round${round}`;
      const codes = await Promise.all(
        Array.from({ length: calls }, (_, i) => get(ports[i % processes], url)),
      );
      const failed = codes.filter((code) => code !== 200).length;
      console.log(
        `${calls} equal misses at ${processes} processes: ${requests.get(url)} upstream, ${failed} failed`,
      );
    }
    agent.destroy();
  } finally {
    for (const kid of kids) kid.disconnect();
    redis.kill();
    origin.close();
    origin.closeAllConnections();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}
