#!/usr/bin/env node
// What metrics() and tracing() cost a call: alone, in microseconds, and beside pass-through, as a ratio. And how long the
// page of metrics of 500 APIs, each called at ten paths, blocks the event loop (--only=page: that alone).
//
//   npm run build && node test/bench/metrics.mjs [--conns=64] [--rounds=5] [--secs=4] [--only=a,b] [--calls=200000]
//
// Needs wrk and nginx. Each peer is a process of its own on CPU 0, load and origin share CPU 1. Rounds are
// interleaved; printed are medians over the rounds of the ratio to pass-through within the same round.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http, { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { median, up } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const DIST = process.env.BENCH_DIST ?? path.resolve(path.dirname(SELF), '../../dist');
const H = '127.0.0.1';
const BASE = 'pass-through';
const BODY = `{"ok":true,"pad":"${'x'.repeat(1024 - 20)}"}`;
const { exchangeOf, metrics, resilientProxy, tracing } = await import(
  pathToFileURL(path.join(DIST, 'lib/index.js')).href
);

/** An SDK that makes spans and throws them away. */
async function sdk(sampled) {
  const { BasicTracerProvider, AlwaysOffSampler, AlwaysOnSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  );
  const sampler = sampled ? new AlwaysOnSampler() : new AlwaysOffSampler();
  return { tracerProvider: new BasicTracerProvider({ sampler }), propagator: PROPAGATOR };
}

/** Same as the W3C's, for contexts created here. */
const PROPAGATOR = {
  extract: (context) => context,
  inject(context, carrier, setter) {
    const { traceId, spanId, traceFlags } = TRACE.getSpanContext(context);
    setter.set(carrier, 'traceparent', `00-${traceId}-${spanId}-0${traceFlags}`);
  },
  fields: () => ['traceparent'],
};
const { trace: TRACE } = await import('@opentelemetry/api');

/** nginx takes the spans; alone there is nothing that does. */
const COLLECTOR = process.env.BENCH_COLLECTOR ?? `http://${H}:9`;

const OPTIONS = {
  [BASE]: async () => ({}),
  'metrics()': async () => ({ metrics: {} }),
  'tracing() without SDK': async () => ({ tracing: {} }),
  'tracing() unsampled': async () => ({ tracing: await sdk(false) }),
  'tracing() sampled': async () => ({ tracing: await sdk(true) }),
  'tracing() otlp 1 %': async () => ({ tracing: { otlp: COLLECTOR, sampleRatio: 0.01 } }),
  'tracing() otlp all': async () => ({ tracing: { otlp: COLLECTOR, sampleRatio: 1 } }),
};

/** The middleware by itself. */
async function stageOf(name) {
  const given = await OPTIONS[name]();
  if (given.metrics) return metrics({ name: 'bench', ...given.metrics });
  return given.tracing && tracing({ name: 'bench', ...given.tracing });
}

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
if (process.argv[2] === '__peer') await peer(process.argv[3], Number(process.argv[4]), process.argv[5]);
else {
  if (!arg.only || arg.only.split(',').includes('page')) await page(Number(arg.apis ?? 500));
  if (arg.only === 'page') process.exit();
  const names = Object.keys(OPTIONS).filter(
    (n) => n === BASE || !arg.only || arg.only.split(',').includes(n),
  );
  await alone(names, Number(arg.calls ?? 200_000));
  await beside(names);
}

async function peer(name, port, target) {
  const alone = { breaker: false, retry: false, stats: false };
  const handle = resilientProxy({ name: 'bench', target, ...alone, ...(await OPTIONS[name]()) });
  process.on('SIGTERM', () => process.exit(0));
  http.createServer(handle).listen(port, H, 1024);
}

/** Calls without a network: what remains is the record of the call, and the stage. */
async function alone(names, calls) {
  const head = { status: 200, statusText: 'OK', rawHeaders: [] };
  const request = { method: 'GET', path: '/x?y=1', target: { origin: 'http://127.0.0.1:80' } };
  const run = (stage, count) => {
    const socket = new Socket();
    const startedAt = performance.now();
    for (let i = 0; i < count; i++) {
      const req = new IncomingMessage(socket);
      req.method = 'GET';
      req.url = '/x?y=1';
      const res = new ServerResponse(req);
      const exchange = exchangeOf(req, res);
      exchange.api = 'bench';
      stage?.(req, res, () => {});
      const attempt = {
        number: 1,
        startedAt,
        durationMs: 1.5,
        waitedMs: 0,
        egress: undefined,
        outcome: undefined,
      };
      const permits = exchange.limits.map((limit) => limit.admit?.(attempt, exchange));
      exchange.attempts.push(attempt);
      for (const permit of permits) permit?.sending?.(attempt, exchange, request);
      attempt.outcome = { kind: 'response', head };
      for (const permit of permits) permit?.head?.(attempt, exchange);
      attempt.end = { kind: 'complete' };
      for (const permit of permits) permit?.end?.(attempt, exchange);
      exchange.respondedAt = performance.now();
      res.emit('close');
    }
    return ((performance.now() - startedAt) * 1000) / count;
  };
  const stages = [];
  for (const name of names) stages.push({ name, stage: await stageOf(name), runs: [] });
  for (const { stage } of stages) run(stage, calls / 5);
  for (let round = 0; round < 7; round++) for (const one of stages) one.runs.push(run(one.stage, calls));
  console.log(`\nalone, ${calls} calls in each of 7 rounds, Node ${process.version}`);
  console.log('| stage | us a call | more than none |\n|---|---:|---:|');
  for (const { name, runs } of stages) {
    const more = median(runs.map((us, i) => us - stages[0].runs[i]));
    console.log(`| ${name} | ${median(runs).toFixed(2)} | ${more.toFixed(2)} |`);
  }
}

/**
 * The longest time for which no other work ran while a page was made, of ten pages: by the clock, and by the CPU time
 * between two turns of the event loop, which other processes on the machine do not change.
 */
async function page(count) {
  const origin = http.createServer((_req, res) => res.end(BODY));
  await new Promise((ok) => origin.listen(0, H, ok));
  const api = () => ({ target: `http://${H}:${origin.address().port}`, cache: {}, rateLimit: {} });
  const apis = Object.fromEntries(Array.from({ length: count }, (_, i) => [`api-${i}`, api()]));
  const proxy = resilientProxy({ apis, metrics: { eventLoop: true } });
  const server = http.createServer(proxy);
  await new Promise((ok) => server.listen(0, H, ok));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const get = (path) =>
    new Promise((ok, failed) => {
      http
        .get({ host: H, port: server.address().port, path, agent }, (res) => res.resume().on('end', ok))
        .on('error', failed);
    });
  for (let i = 0; i < count; i++)
    await Promise.all(Array.from({ length: 10 }, (_, n) => get(`/api-${i}/path-${'abcdefghij'[n]}`)));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const spent = [];
  let size = 0;
  for (let n = 0; n < 10; n++) {
    await sleep(200);
    delay.enable();
    delay.reset();
    const turns = turnsByCpu();
    const before = process.cpuUsage();
    size = (await proxy.metrics.render()).length;
    const { user, system } = process.cpuUsage(before);
    await sleep(5);
    delay.disable();
    spent.push({ blocked: delay.max / 1e6, turn: turns.longest(), cpu: (user + system) / 1000 });
  }
  const blocked = spent.map((one) => one.blocked);
  console.log(`\nthe page of ${count} APIs and ${count * 10} paths, ${(size / 1e6).toFixed(1)} MB`);
  console.log('| blocked ms, median | most | ms of CPU in a turn, median | most | in all, median |');
  console.log('|---:|---:|---:|---:|---:|');
  const turn = spent.map((one) => one.turn);
  const all = median(spent.map((one) => one.cpu));
  const figures = [median(blocked), Math.max(...blocked), median(turn), Math.max(...turn), all];
  console.log(`| ${figures.map((figure) => figure.toFixed(1)).join(' | ')} |`);
  for (const one of [server, origin]) one.close();
  agent.destroy();
  await proxy.close();
}

function turnsByCpu() {
  let longest = 0;
  let before = process.cpuUsage();
  const look = () => {
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.cpuUsage();
    next = setImmediate(look);
  };
  let next = setImmediate(look);
  return {
    longest() {
      clearImmediate(next);
      return longest;
    },
  };
}

async function beside(names) {
  const conns = Number(arg.conns ?? 64);
  const rounds = Number(arg.rounds ?? 5);
  const secs = Math.min(Number(arg.secs ?? 4), 15);
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-bench-'));
  fs.chmodSync(tmp, 0o755);
  const kids = [];
  const start = (cpu, argv, env = process.env) => {
    const kid = spawn('taskset', ['-c', String(cpu), ...argv], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    kids.push(kid);
    return kid.pid;
  };
  try {
    let port = Number(arg.port ?? 22300);
    const origin = `http://${H}:${port}`;
    fs.writeFileSync(path.join(tmp, 'nginx.conf'), nginx(tmp, port++));
    start(1, ['nginx', '-p', tmp, '-c', path.join(tmp, 'nginx.conf')]);
    const peers = [];
    for (const name of names) {
      const argv = [process.execPath, SELF, '__peer', name, String(port), origin];
      const pid = start(0, argv, { ...process.env, BENCH_COLLECTOR: origin });
      await up(port, '/1k');
      peers.push({ name, pid, port: port++, runs: [], cpu: [] });
    }
    const load = (p, seconds) => {
      const argv = ['-c', '1', 'wrk', '-t1', `-c${conns}`, `-d${seconds}s`, `http://${H}:${p.port}/1k`];
      const before = cpuOf(p.pid);
      const out = execFileSync('taskset', argv, { encoding: 'utf8' });
      if (/Non-2xx|Socket errors/.test(out)) p.note = 'errors';
      p.cpuUs = ((cpuOf(p.pid) - before) * 1e6) / Number(/(\d+) requests in/.exec(out)[1]);
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]);
    };
    for (const p of peers) load(p, 2);
    for (let r = 0; r < rounds; r++) {
      const k = (r * 3) % peers.length;
      for (const p of [...peers.slice(k), ...peers.slice(0, k)]) {
        p.runs.push(load(p, secs));
        p.cpu.push(p.cpuUs);
      }
    }
    console.log(`\n1 KB, ${conns} connections, ${rounds} rounds of ${secs} s, Node ${process.version}`);
    console.log('| stage | req/s | ratio | least-most | CPU us a call | ratio | note |');
    console.log('|---|---:|---:|---:|---:|---:|---|');
    for (const p of peers) {
      const ratios = p.runs.map((x, i) => x / peers[0].runs[i]);
      const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
      console.log(
        `| ${p.name} | ${median(p.runs).toFixed(0)} | ${median(ratios).toFixed(3)} | ${spread} | ${median(p.cpu).toFixed(1)} | ${median(p.cpu.map((us, i) => us / peers[0].cpu[i])).toFixed(3)} | ${p.note ?? ''} |`,
      );
    }
  } finally {
    for (const kid of kids) kid.kill('SIGTERM');
    await sleep(300);
    fs.rmSync(tmp, { recursive: true, force: true });
  }
}

/** Seconds of CPU that a process has used: what another load on the machine changes least. */
function cpuOf(pid) {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function nginx(dir, port) {
  return `daemon off; master_process off; pid ${dir}/pid; error_log /dev/null;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 100000000; server { listen ${H}:${port} backlog=1024;
  location / { default_type application/json; return 200 '${BODY}'; } } }`;
}
