#!/usr/bin/env node
// 100 updates of the configuration under 500 calls a second: no call may fail, and the heap after a forced
// collection must be flat. Each update changes another part of one API, and adds and removes a second one.
//
//   npm run build && node --expose-gc test/bench/reload.mjs [--reloads=100] [--rate=500] [--everyMs=100]
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { resilientProxy } from 'resilient-proxy-out';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const reloads = Number(arg.reloads ?? 100);
const rate = Number(arg.rate ?? 500);
const everyMs = Number(arg.everyMs ?? 100);
const TICK_MS = 10;

const listen = (server) =>
  new Promise((ok) => server.listen(0, '127.0.0.1', () => ok(server.address().port)));
const upstream = http.createServer((req, res) => {
  const respond = () => res.end(`{"ok":true,"pad":"${'x'.repeat(1000)}"}`);
  if (req.url?.startsWith('/slow')) setTimeout(respond, 50);
  else respond();
});
upstream.keepAliveTimeout = 60_000;
const target = `http://127.0.0.1:${await listen(upstream)}`;

/** Changes in turn: the circuit, the connections, the cache, what is sent. */
const configOf = (n) => ({
  apis: {
    steady: { target },
    busy: {
      target,
      breaker: { failureThreshold: 5 + (n % 2) },
      connections: 64 + (Math.floor(n / 2) % 2),
      cache: { ttlMs: 100 + (Math.floor(n / 4) % 2), staleWhileRevalidateMs: 1000 },
      headers: { 'X-Round': String(Math.floor(n / 8) % 2) },
    },
    [`guest-${n % 5}`]: { target, rateLimit: {} },
  },
});

const proxy = resilientProxy(configOf(0));
const server = http.createServer(proxy);
const port = await listen(server);
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
const seen = { calls: 0, failed: 0, underWay: 0 };

function call(i) {
  const path = i % 4 === 0 ? `/steady/slow?${i}` : `/${i % 2 ? 'busy' : 'steady'}/${i % 50}`;
  seen.calls++;
  seen.underWay++;
  const ended = (ok) => {
    seen.underWay--;
    if (!ok) seen.failed++;
  };
  const req = http.get({ port, host: '127.0.0.1', path, agent }, (res) => {
    res.resume().on('close', () => ended(res.statusCode === 200 && res.complete));
  });
  req.on('error', () => ended(false));
}

async function run(rounds) {
  let i = 0;
  const load = setInterval(() => {
    for (let n = 0; n < (rate * TICK_MS) / 1000; n++) call(i++);
  }, TICK_MS);
  for (let n = 1; n <= rounds; n++) {
    await sleep(everyMs);
    proxy.update(configOf(n));
  }
  clearInterval(load);
  while (seen.underWay > 0) await sleep(10);
}

async function heapMb() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await sleep(50);
  }
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

// Run once before measuring: compiled code and pools stay, and are not growth.
await run(reloads);
const before = await heapMb();
const warmUp = { ...seen };
await run(reloads);
const after = await heapMb();
const open = await new Promise((ok) => upstream.getConnections((_error, count) => ok(count)));
const calls = seen.calls - warmUp.calls;
console.log(`${reloads} updates under ${calls} calls: ${seen.failed} failed`);
console.log(
  `heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after; ${open} connections to the target`,
);
agent.destroy();
server.close();
await proxy.close();
upstream.close();
const held = seen.failed === 0 && after - before <= 3;
console.log(held ? 'held' : 'NOT HELD');
process.exit(held ? 0 : 1);
