#!/usr/bin/env node
// Four processes count into one Redis that is killed in the middle: is the sum exact, and how good are merged quantiles?
//
//   npm run build && node test/bench/stats-redis.mjs [--calls=100000] [--secs=15] [--downSecs=5]
//
// Needs redis-server. It writes each command to disk before it responds, so what was flushed is there after the kill.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);
const { Exchange, stats } = await import(process.env.STATS_BENCH_PACKAGE ?? 'resilient-proxy-out');
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const PROCESSES = 4;

if (process.argv[2] === '__counter') await counter(JSON.parse(process.argv[3]));
else await main();

/** Counts calls with known durations, evenly over some seconds; reports the durations at the end. */
async function counter({ url, calls, secs, seed }) {
  const handler = stats({ name: 'bench', redis: url });
  const durations = new Float32Array(calls);
  let random = seed;
  const next = () => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return (random + 0.5) / 2 ** 32;
  };
  const since = performance.now();
  for (let i = 0; i < calls; ) {
    const due = Math.min(calls, ((performance.now() - since) / (secs * 1000)) * calls);
    for (; i < due; i++) {
      // Cache hits and slow calls.
      durations[i] =
        next() < 0.3
          ? 0.5 + next()
          : 30 * Math.exp(0.6 * Math.sqrt(-2 * Math.log(next())) * Math.cos(6.2832 * next()));
      record(handler, `/path-${'abcdefghij'[i % 10]}/${i}`, i % 50 === 0 ? 503 : 200, durations[i]);
    }
    await sleep(10);
  }
  await handler.close();
  process.send({ durations: [...durations], left: handler.health().unsent }, () => process.disconnect());
}

function record(handler, url, status, durationMs) {
  const req = new IncomingMessage(new Socket());
  req.method = 'GET';
  req.url = url;
  const res = new ServerResponse(req);
  res.writeHead(status);
  Object.defineProperty(res, 'writableFinished', { value: true });
  const exchange = new Exchange(req, res);
  handler.watch(exchange);
  exchange.startedAt = performance.now() - durationMs;
  res.emit('close');
}

async function main() {
  const calls = Number(arg.calls ?? 100_000);
  const secs = Number(arg.secs ?? 15);
  const downSecs = Number(arg.downSecs ?? 5);
  const port = Number(arg.port ?? 21_791);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stats-redis-'));
  const url = `redis://127.0.0.1:${port}`;
  let server = await startRedis(port, folder);
  const children = Array.from({ length: PROCESSES }, (_, i) =>
    fork(SELF, ['__counter', JSON.stringify({ url, calls: calls / PROCESSES, secs, seed: i + 1 })]),
  );
  const reports = children.map((child) => once(child, 'message'));
  await sleep((secs * 1000) / 3);
  server.kill('SIGKILL');
  await once(server, 'exit');
  console.log(`Redis killed after ${(secs / 3).toFixed(0)} s, for ${downSecs} s`);
  await sleep(downSecs * 1000);
  server = await startRedis(port, folder);
  const results = (await Promise.all(reports)).map(([report]) => report);
  const durations = Float64Array.from(results.flatMap((report) => report.durations)).sort();

  const reader = stats({ name: 'bench', redis: url });
  while (!reader.health().usable) await sleep(10);
  const { figures } = await reader.view({ api: 'bench', period: 'all' });
  const paths = await reader.paths('bench');
  const hourly = await reader.view({ api: 'bench', period: 'hourly' });
  console.log(
    `recorded ${durations.length}, in Redis ${figures.total} (success ${figures.success}, failure ${figures.failure}; by path ${sum(paths.map((line) => line.all.total))}, by hour ${hourly.figures.total}); not flushed ${sum(results.map((report) => report.left))}`,
  );
  for (const [name, share] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
  ]) {
    const value = figures.responseTime[name];
    const rank = durations.findIndex((duration) => duration > value) / durations.length;
    console.log(
      `${name} ${value.toFixed(2)} ms, rank ${rank.toFixed(5)}, error ${Math.abs(rank - share).toFixed(5)} (required: 0.002, p99 0.001)`,
    );
  }
  await reader.close();
  server.kill('SIGKILL');
  await once(server, 'exit');
  fs.rmSync(folder, { recursive: true, force: true });
  if (figures.total !== durations.length) process.exitCode = 1;
}

async function startRedis(port, folder) {
  const flags = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const server = spawn('redis-server', [...flags, '--appendonly', 'yes', '--appendfsync', 'always'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  for await (const chunk of server.stdout) {
    log += chunk;
    if (log.includes('Ready to accept')) break;
  }
  return server;
}

function sum(list) {
  return list.reduce((a, b) => a + b, 0);
}
