#!/usr/bin/env node
// 200 000 calls through resilientProxy on node:http, 5 % of them failing and 5 % left by their client: the
// heap after a forced collection must not grow, no socket may stay open, no listener warning may appear.
//
//   npm run build && node --expose-gc test/bench/soak.mjs [--calls=200000] [--transport=auto]
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { resilientProxy } from 'resilient-proxy-out';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const calls = Number(arg.calls ?? 200_000);
const settle = Math.min(20_000, calls / 10);
const warnings = [];
process.on('warning', (warning) => warnings.push(warning.name));

const listen = (server) =>
  new Promise((ok) => server.listen(0, '127.0.0.1', () => ok(server.address().port)));
const upstream = http.createServer((req, res) => {
  if (req.url === '/slow') return void setTimeout(() => res.end('slow'), 20).unref();
  res.statusCode = req.url === '/fails' ? 503 : 200;
  res.end(`{"ok":true,"pad":"${'x'.repeat(1000)}"}`);
});
upstream.keepAliveTimeout = 60_000;
const target = `http://127.0.0.1:${await listen(upstream)}`;
const proxy = resilientProxy({
  name: 'soak',
  target,
  transport: arg.transport ?? 'auto',
  retry: { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false },
  breaker: { failureThreshold: 1_000_000, failureRatio: false },
});
const server = http.createServer(proxy);
const port = await listen(server);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

const open = (of) => new Promise((ok) => of.getConnections((_error, count) => ok(count)));

async function heapMb() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await sleep(50);
  }
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

function call(i) {
  const kind = i % 20;
  const path = kind === 0 ? '/fails' : kind === 1 ? '/slow' : '/ok';
  return new Promise((done) => {
    const req = http.get({ port, host: '127.0.0.1', path, agent }, (res) => res.resume().on('close', done));
    req.on('error', done);
    if (kind === 1) setTimeout(() => req.destroy(), 5);
  });
}

async function run(from, to) {
  let next = from;
  const worker = async () => {
    while (next < to) await call(next++);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

await run(0, settle);
const before = await heapMb();
await run(settle, calls);
agent.destroy();
await sleep(300);
const after = await heapMb();
const clients = await open(server);
await proxy.close();
await sleep(300);
const upstreams = await open(upstream);
console.log(
  `heap after ${settle} calls ${before.toFixed(1)} MB, after ${calls} ${after.toFixed(1)} MB (${(after - before).toFixed(1)} MB more, at most 10)`,
);
console.log(
  `sockets left open: ${clients} of clients, ${upstreams} to the target; warnings: ${warnings.join(' ') || 'none'}`,
);
const held = after - before <= 10 && clients === 0 && upstreams === 0 && warnings.length === 0;
console.log(held ? 'held' : 'NOT HELD');
process.exit(held ? 0 : 1);
