#!/usr/bin/env node
// What stats() costs: on a call, in memory, to read, and in Redis.
//
//   npm run build && node --expose-gc test/bench/stats.mjs [--only=call,memory,fleet,read,redis] [--rounds=7] [--secs=3] [--conns=64]
//
// `call` needs wrk: pass-through with and without stats() by turns, each a process of its own on CPU 0, load and origin
// on CPU 1; printed is the median over the rounds of the ratio within one. `redis` needs redis-server.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http, { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';
const MB = 1024 * 1024;
const { apiStats, Exchange, forward, resilientProxy, stats } = await import(
  process.env.STATS_BENCH_PACKAGE ?? 'resilient-proxy-out'
);
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const BODY = Buffer.from(`{"ok":true,"pad":"${'x'.repeat(1000)}"}`);

if (process.argv[2] === '__peer') await peer(process.argv[3], process.argv[4]);
else {
  const only = arg.only?.split(',') ?? ['call', 'memory', 'fleet', 'read', 'redis'];
  if (only.includes('call')) {
    await perCall();
    recordCost();
  }
  if (only.includes('memory')) await memory();
  if (only.includes('fleet')) await fleet();
  if (only.includes('read')) await reading();
  if (only.includes('redis')) await redis();
}

async function peer(kind, target) {
  const last = forward({ target });
  const counter = stats();
  const respond = (req, res) => last(req, res, (error) => res.destroy(error));
  const proxied = (counted) =>
    resilientProxy({ name: 'bench', target, retry: false, breaker: false, stats: counted });
  const serve = {
    'forward()': () => respond,
    'stats() in front of it': () => (req, res) => counter(req, res, () => respond(req, res)),
    'resilientProxy() without stats': () => proxied(false),
    'with stats': () => proxied({}),
  };
  const server = http.createServer(serve[kind]()).listen(0, H, () => process.send(server.address().port));
  process.on('message', () => process.send(process.cpuUsage()));
  process.once('disconnect', () => process.exit());
}

async function perCall() {
  const origin = http.createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length }).end(BODY);
  });
  await once(origin.listen(0, H), 'listening');
  const target = `http://${H}:${origin.address().port}`;
  const conns = Number(arg.conns ?? 64);
  const secs = Math.min(Number(arg.secs ?? 3), 15);
  const peers = [];
  for (const kind of [
    'forward()',
    'stats() in front of it',
    'resilientProxy() without stats',
    'with stats',
  ]) {
    const child = spawn('taskset', ['-c', '0', process.execPath, SELF, '__peer', kind, target], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [port] = await once(child, 'message');
    peers.push({ kind, child, port, runs: [] });
  }
  const load = async ({ port }, seconds) => {
    const wrk = spawn('taskset', [
      '-c',
      '1',
      'wrk',
      '-t1',
      `-c${conns}`,
      `-d${seconds}s`,
      `http://${H}:${port}/users/1`,
    ]);
    let out = '';
    wrk.stdout.on('data', (chunk) => {
      out += chunk;
    });
    await once(wrk, 'close');
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]);
  };
  const cpuOf = async ({ child }) => {
    child.send('cpu');
    const [{ user, system }] = await once(child, 'message');
    return user + system;
  };
  for (const p of peers) await load(p, 2);
  for (let round = 0; round < Number(arg.rounds ?? 7); round++) {
    for (const p of round % 2 ? peers : [...peers].reverse()) {
      const before = await cpuOf(p);
      const rate = await load(p, secs);
      p.runs.push({ rate, cpu: ((await cpuOf(p)) - before) / (rate * secs) });
    }
  }
  const of = (p, name) => median(p.runs.map((run) => run[name]));
  for (const [plain, counted] of [peers.slice(0, 2), peers.slice(2)]) {
    const ratio = (value) => {
      const ratios = plain.runs.map((run, i) => value(counted.runs[i]) / value(run));
      return `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)}-${Math.max(...ratios).toFixed(3)})`;
    };
    const shown = (p) =>
      `${p.kind} ${of(p, 'rate').toFixed(0)} req/s at ${of(p, 'cpu').toFixed(1)} µs of CPU`;
    console.log(
      `${shown(plain)}, ${shown(counted)}; ratio ${ratio((run) => run.rate)}, by CPU ${ratio((run) => 1 / run.cpu)} (required: 0.97)`,
    );
  }
  for (const { child } of peers) child.disconnect();
  origin.close();
  origin.closeAllConnections();
}

/** Records one call and ends it. Its request and response exist already. */
function record(counter, exchange, api = 'bench') {
  exchange.api = api;
  counter.watch(exchange);
  exchange.res.emit('close');
}

function respondedTo(url, status = 200) {
  const req = new IncomingMessage(new Socket());
  req.method = 'GET';
  // Flat, as the parser makes it.
  req.url = Buffer.from(url).toString('latin1');
  const res = new ServerResponse(req);
  res.writeHead(status);
  Object.defineProperty(res, 'writableFinished', { value: true });
  return new Exchange(req, res);
}

function recordCost() {
  const counter = stats({ flushMs: 2e9 });
  const perCall = (run) => {
    const since = performance.now();
    for (let i = 0; i < 20_000; i++) run(respondedTo(`/users/${i}/posts`));
    return ((performance.now() - since) / 20_000) * 1000;
  };
  const costs = { call: [], flush: [] };
  for (let round = 0; round < 20; round++) {
    const idle = perCall((exchange) => exchange.res.emit('close'));
    costs.call.push(perCall((exchange) => record(counter, exchange)) - idle);
    const since = performance.now();
    void counter.flush();
    costs.flush.push(((performance.now() - since) / 20_000) * 1000);
  }
  void counter.close();
  const of = (name) => median(costs[name].slice(5)).toFixed(2);
  console.log(
    `recording a call: ${of('call')} µs, with pushes into two digests; at a flush ${of('flush')} µs a call more (required: 2 and a push)`,
  );
}

async function memory() {
  const counter = stats({ flushMs: 100 });
  const total = Number(arg.paths ?? 1_000_000);
  const steps = [];
  for (let i = 0; i < total; i++) {
    // Words without a digit: nothing that could become a path template.
    const word = [...String(i)].map((digit) => 'abcdefghij'[digit]).join('');
    record(counter, respondedTo(`/crawled/${word}/page`));
    if (i === 999 || (i + 1) % (total / 4) === 0) {
      await counter.flush();
      steps.push({ paths: i + 1, heap: await heapMb() });
    } else if (i % 5000 === 0) await sleep(0);
  }
  const shown = steps.map(({ paths, heap }) => `${paths}: ${heap.toFixed(1)} MB`).join(', ');
  const kept = (await counter.paths('bench')).length;
  console.log(`heap and external after so many distinct paths (kept ${kept}): ${shown}`);
  await counter.close();
}

/** 20 APIs with 25 paths each, so many calls of a path in an hour, over a day and a half of a clock that is set. */
async function fleet() {
  let at = Date.UTC(2026, 0, 1);
  const time = { wall: () => at, steady: () => at, after: () => () => {}, every: () => () => {} };
  const counter = stats({}, time);
  const real = performance.now.bind(performance);
  const before = await heapMb();
  const calls = Number(arg.calls ?? 20);
  for (let hour = 0; hour < 36; hour++) {
    at += 3_600_000;
    for (let i = 0; i < 20 * 25 * calls; i++) {
      performance.now = () => 1000;
      const exchange = respondedTo(`/path-${'abcdefghijklmnopqrstuvwxy'[Math.floor(i / 20) % 25]}`);
      performance.now = () => 1000 + Math.exp(3 + 2 * Math.random());
      record(counter, exchange, `api-${i % 20}`);
      performance.now = real;
      if (i % 20_000 === 0) await counter.flush();
    }
    await counter.flush();
  }
  const held = (await heapMb()) - before;
  console.log(
    `20 APIs with 25 paths each, ${calls} calls an hour of each path, after 36 hours: ${held.toFixed(1)} MB (required: 30)`,
  );
  await counter.close();
}

async function heapMb() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MB;
}

async function reading() {
  const counter = stats({ flushMs: 100 });
  const server = http.createServer(async (req, res) => {
    const { status, body } = await apiStats(counter, new URL(req.url, 'http://x').searchParams);
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await once(server.listen(0, H), 'listening');
  const agent = new http.Agent({ keepAlive: true });
  const ask = (query) =>
    new Promise((resolve, reject) => {
      const url = `http://${H}:${server.address().port}/api-stats?api=bench&${query}`;
      http.get(url, { agent }, (res) => res.resume().on('end', resolve)).on('error', reject);
    });
  const calls = async (count) => {
    for (let i = 0; i < count; i++) {
      record(counter, respondedTo(`/path-${'abcdefghij'[i % 10]}/x`, i % 20 ? 200 : 503));
      if (i % 5000 === 0) await sleep(0);
    }
    await counter.flush();
  };
  const queries = ['period=all', 'period=daily', 'period=hourly', 'paths=1'];
  const measured = async () => {
    const took = [];
    for (const query of queries) {
      const times = [];
      for (let i = 0; i < 500; i++) {
        const since = performance.now();
        await ask(query);
        times.push(performance.now() - since);
      }
      took.push(median(times));
    }
    return took;
  };
  await calls(1000);
  await measured();
  const few = await measured();
  await calls(999_000);
  const many = await measured();
  for (const [i, query] of queries.entries()) {
    console.log(
      `/api-stats?${query} after 1 000 calls ${few[i].toFixed(2)} ms, after 1 000 000 ${many[i].toFixed(2)} ms, ratio ${(many[i] / few[i]).toFixed(2)} (required: 1.5)`,
    );
  }
  agent.destroy();
  server.close();
  await counter.close();
}

async function redis() {
  const port = Number(arg.port ?? 21_790);
  const server = spawn('redis-server', ['--port', `${port}`, '--bind', H, '--save', ''], { stdio: 'ignore' });
  await sleep(500);
  const commands = () => {
    const info = execFileSync('redis-cli', ['-p', `${port}`, 'info', 'commandstats'], { encoding: 'utf8' });
    const lines = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
    return lines.reduce((sum, [, name, calls]) => sum + (name === 'info' ? 0 : Number(calls)), 0);
  };
  const counter = stats({ redis: `redis://${H}:${port}` });
  while (!counter.health().usable) await sleep(10);
  const before = commands();
  const seconds = Number(arg.redisSecs ?? 40);
  const since = performance.now();
  let calls = 0;
  while (calls < seconds * 1000) {
    const due = Math.min((performance.now() - since) | 0, seconds * 1000);
    for (; calls < due; calls++) record(counter, respondedTo(`/path-${'abcdefghij'[calls % 10]}/x`));
    await sleep(5);
  }
  await counter.flush();
  const sent = commands() - before;
  const keys = execFileSync('redis-cli', ['-p', `${port}`, 'dbsize'], { encoding: 'utf8' }).trim();
  console.log(
    `Redis at 1 000 calls a second for ${seconds} s: ${sent} commands, those in scripts included, ${(sent / calls).toFixed(4)} a call (required: 0.05); ${keys} keys`,
  );
  await counter.close();
  server.kill();
}
