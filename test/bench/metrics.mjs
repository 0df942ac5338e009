#!/usr/bin/env node
// What metrics() and tracing() cost a call: alone, in microseconds, and beside pass-through, as a ratio.
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
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { median, up } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const DIST = process.env.BENCH_DIST ?? path.resolve(path.dirname(SELF), '../../dist');
const H = '127.0.0.1';
const BASE = 'pass-through';
const BODY = `{"ok":true,"pad":"${'x'.repeat(1024 - 20)}"}`;
const part = (file) => import(pathToFileURL(path.join(DIST, 'lib', file)).href);

const metricsStage = async () => (await part('metrics/metrics.js')).metrics({ name: 'bench' });
const tracingStage = async (options) =>
  (await part('tracing/tracing.js')).tracing({ name: 'bench', ...options });

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

const STAGES = {
  [BASE]: async () => [],
  'metrics()': async () => [await metricsStage()],
  'tracing() without SDK': async () => [await tracingStage({})],
  'tracing() unsampled': async () => [await tracingStage(await sdk(false))],
  'tracing() sampled': async () => [await tracingStage(await sdk(true))],
};

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
if (process.argv[2] === '__peer') await peer(process.argv[3], Number(process.argv[4]), process.argv[5]);
else {
  const names = Object.keys(STAGES).filter((n) => n === BASE || !arg.only || arg.only.split(',').includes(n));
  await alone(names, Number(arg.calls ?? 200_000));
  await beside(names);
}

async function peer(name, port, target) {
  const { forward } = await part('upstream/forward.js');
  const { pipeline } = await part('pipeline.js');
  const handle = pipeline([...(await STAGES[name]()), forward({ target, changeOrigin: true })]);
  process.on('SIGTERM', () => process.exit(0));
  const fail = (res) => (error) => res.writeHead(500).end(String(error));
  http.createServer((req, res) => handle(req, res, fail(res))).listen(port, H, 1024);
}

/** Calls without a network: what remains is the record of the call, and the stage. */
async function alone(names, calls) {
  const { exchangeOf } = await part('exchange.js');
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
      for (const guard of exchange.limits) guard.before?.(attempt, exchange);
      exchange.attempts.push(attempt);
      for (const guard of exchange.limits) guard.sending?.(attempt, exchange, request);
      attempt.outcome = { kind: 'response', head };
      for (const guard of exchange.limits) guard.after?.(attempt, exchange);
      exchange.respondedAt = performance.now();
      res.emit('close');
    }
    return ((performance.now() - startedAt) * 1000) / count;
  };
  const stages = [];
  for (const name of names) stages.push({ name, stage: (await STAGES[name]())[0], runs: [] });
  for (const { stage } of stages) run(stage, calls / 5);
  for (let round = 0; round < 7; round++) for (const one of stages) one.runs.push(run(one.stage, calls));
  console.log(`\nalone, ${calls} calls in each of 7 rounds, Node ${process.version}`);
  console.log('| stage | us a call | more than none |\n|---|---:|---:|');
  for (const { name, runs } of stages) {
    const more = median(runs.map((us, i) => us - stages[0].runs[i]));
    console.log(`| ${name} | ${median(runs).toFixed(2)} | ${more.toFixed(2)} |`);
  }
}

async function beside(names) {
  const conns = Number(arg.conns ?? 64);
  const rounds = Number(arg.rounds ?? 5);
  const secs = Math.min(Number(arg.secs ?? 4), 15);
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-bench-'));
  fs.chmodSync(tmp, 0o755);
  const kids = [];
  const start = (cpu, argv) => {
    const kid = spawn('taskset', ['-c', String(cpu), ...argv], { stdio: ['ignore', 'ignore', 'inherit'] });
    kids.push(kid);
  };
  try {
    let port = Number(arg.port ?? 22300);
    const origin = `http://${H}:${port}`;
    fs.writeFileSync(path.join(tmp, 'nginx.conf'), nginx(tmp, port++));
    start(1, ['nginx', '-p', tmp, '-c', path.join(tmp, 'nginx.conf')]);
    const peers = [];
    for (const name of names) {
      start(0, [process.execPath, SELF, '__peer', name, String(port), origin]);
      await up(port, '/1k');
      peers.push({ name, port: port++, runs: [] });
    }
    const load = (p, seconds) => {
      const argv = ['-c', '1', 'wrk', '-t1', `-c${conns}`, `-d${seconds}s`, `http://${H}:${p.port}/1k`];
      const out = execFileSync('taskset', argv, { encoding: 'utf8' });
      if (/Non-2xx|Socket errors/.test(out)) p.note = 'errors';
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]);
    };
    for (const p of peers) load(p, 2);
    for (let r = 0; r < rounds; r++) {
      const k = (r * 3) % peers.length;
      for (const p of [...peers.slice(k), ...peers.slice(0, k)]) p.runs.push(load(p, secs));
    }
    console.log(`\n1 KB, ${conns} connections, ${rounds} rounds of ${secs} s, Node ${process.version}`);
    console.log('| stage | req/s | ratio | least-most | note |\n|---|---:|---:|---:|---|');
    for (const p of peers) {
      const ratios = p.runs.map((x, i) => x / peers[0].runs[i]);
      const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
      console.log(
        `| ${p.name} | ${median(p.runs).toFixed(0)} | ${median(ratios).toFixed(3)} | ${spread} | ${p.note ?? ''} |`,
      );
    }
  } finally {
    for (const kid of kids) kid.kill('SIGTERM');
    await sleep(300);
    fs.rmSync(tmp, { recursive: true, force: true });
  }
}

function nginx(dir, port) {
  return `daemon off; master_process off; pid ${dir}/pid; error_log /dev/null;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 100000000; server { listen ${H}:${port} backlog=1024;
  location / { default_type application/json; return 200 '${BODY}'; } } }`;
}
