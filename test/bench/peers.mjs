#!/usr/bin/env node
// Pass-through throughput and latency beside other Node proxies, all in one run.
//
//   npm run build && node test/bench/peers.mjs [--conns=64] [--rounds=5] [--secs=5] [--only=a,b] [--node=/path/to/node]
//
// Needs wrk and nginx (the origin). Each peer is a process of its own that stays up for the whole run and
// is checked for the exact response before and after every round. Rounds are interleaved, the first place
// moves on, the peer has CPU 0 to itself; origin and load share CPU 1. Printed are medians over the rounds
// of the ratio to the baseline within the same round: absolute figures do not carry over to other machines.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const ROOT = path.resolve(path.dirname(SELF), '../..');
const H = '127.0.0.1';
const BODY = `{"ok":true,"pad":"${'x'.repeat(1024 - 20)}"}`;
const BASE = 'http-proxy-middleware';

const listen = (server, port) => new Promise((ok) => server.listen(port, H, 1024, ok));
const originUrl = (c) => `http://${H}:${c.origin}`;
const express = async () => (await import('express')).default();

/** Peers that are a few lines of Node; the gateway is the package's own command line. */
const PEERS = {
  [BASE]: async (c) => {
    const { createProxyMiddleware } = await import('http-proxy-middleware');
    const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });
    const app = await express();
    app.use(createProxyMiddleware({ target: originUrl(c), changeOrigin: true, agent }));
    await listen(http.createServer(app), c.port);
  },
  'fastify-http-proxy': async (c) => {
    const { default: Fastify } = await import('fastify');
    const { default: plugin } = await import('@fastify/http-proxy');
    const app = Fastify({ logger: false });
    await app.register(plugin, { upstream: originUrl(c) });
    await app.listen({ port: c.port, host: H });
  },
  gateway: null,
  'express-mounted': (c) => mounted(c, {}),
  'express-node-transport': (c) => mounted(c, { transport: 'node' }),
  // The transport alone; the peer above has breaker, retry and statistics on.
  'express-node-alone': async (c) => {
    const { forward } = await import('resilient-proxy-out');
    const app = await express();
    app.use(forward({ target: originUrl(c), changeOrigin: true, transport: 'node' }));
    await listen(http.createServer(app), c.port);
  },
  'express-forward-only': (c) => mounted(c, { retry: false, breaker: false }),
};

async function mounted(c, options) {
  const { resilientProxy } = await import('resilient-proxy-out');
  const app = await express();
  // At the root, as the baseline: a mount path is Express' own work.
  app.use(resilientProxy({ name: 'bench', target: originUrl(c), ...options }));
  await listen(http.createServer(app), c.port);
}

const pathOf = (name) => (name === 'gateway' ? '/api/bench/1k' : '/1k');

async function main() {
  const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
  const conns = Number(arg.conns ?? 64);
  const rounds = Number(arg.rounds ?? 5);
  const secs = Math.min(Number(arg.secs ?? 5), 15);
  const node = arg.node ?? process.execPath;
  const names = arg.only ? [BASE, ...arg.only.split(',')] : Object.keys(PEERS);
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  fs.chmodSync(tmp, 0o755);
  const kids = [];
  const start = (cpu, argv) => {
    const kid = spawn('taskset', ['-c', String(cpu), ...argv], {
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: ROOT,
    });
    kids.push(kid);
    return kid;
  };
  try {
    let port = Number(arg.port ?? 21000);
    const origin = port++;
    fs.mkdirSync(path.join(tmp, 'www'));
    fs.writeFileSync(path.join(tmp, 'www', '1k'), BODY);
    fs.writeFileSync(path.join(tmp, 'nginx.conf'), nginxConf(tmp, origin));
    start(1, ['nginx', '-e', path.join(tmp, 'boot.log'), '-p', tmp, '-c', path.join(tmp, 'nginx.conf')]);
    await up(origin, '/1k');
    const peers = [];
    for (const name of names) {
      const c = { port: port++, origin };
      const prof = arg.prof === name ? ['--cpu-prof', '--cpu-prof-dir', arg.profdir ?? tmp] : [];
      const kid = start(0, [
        node,
        ...prof,
        ...(name === 'gateway' ? gatewayArgs(tmp, c) : [SELF, '__peer', name, JSON.stringify(c)]),
      ]);
      await up(c.port, pathOf(name), kid);
      peers.push({ name, port: c.port, pid: kid.pid, runs: [] });
    }
    const lua = path.join(tmp, 'done.lua');
    fs.writeFileSync(lua, LUA);
    const load = (p, seconds) => {
      const out = execFileSync(
        'taskset',
        [
          '-c',
          '1',
          'wrk',
          '-t1',
          `-c${conns}`,
          `-d${seconds}s`,
          '-s',
          lua,
          `http://${H}:${p.port}${pathOf(p.name)}`,
        ],
        { encoding: 'utf8' },
      );
      return JSON.parse(/@@(\{.*\})/.exec(out)[1]);
    };
    for (const p of peers) load(p, 2);
    for (let r = 0; r < rounds; r++) {
      const k = (r * 3) % peers.length;
      for (const p of [...peers.slice(k), ...peers.slice(0, k)]) {
        const before = cpuTicks(p.pid);
        const m = load(p, secs);
        const cpu = ((cpuTicks(p.pid) - before) * 1e4) / m.n;
        await check(p);
        if (m.bad || m.sock) p.note = `bad=${m.bad} sock=${m.sock}`;
        p.runs.push({ rps: m.n / (m.us / 1e6), p50: m.p50, p99: m.p99, cpu });
      }
    }
    report(peers, { conns, rounds, secs, node });
  } finally {
    for (const k of kids) k.kill('SIGTERM');
    await sleep(500);
    for (const k of kids) if (k.exitCode === null && k.signalCode === null) k.kill('SIGKILL');
    fs.rmSync(tmp, { recursive: true, force: true });
  }
}

function gatewayArgs(tmp, c) {
  const file = path.join(tmp, 'apis.json');
  fs.writeFileSync(file, JSON.stringify({ apis: { bench: { target: originUrl(c) } } }));
  return ['dist/lib/gateway/main.js', '--config', file, '--port', String(c.port)];
}

function report(peers, { conns, rounds, secs, node }) {
  const base = peers.find((p) => p.name === BASE);
  const version = execFileSync(node, ['-v'], { encoding: 'utf8' }).trim();
  console.log(
    `\n1 KB, ${conns} connections, ${rounds} rounds of ${secs} s, Node ${version}, ratio to ${BASE} in the same round`,
  );
  console.log(
    '| peer | req/s | ratio | least-most | p50 us | p50 ratio | p99 us | cpu us/call | cpu ratio | note |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---|',
  );
  for (const p of peers) {
    const ratios = p.runs.map((x, i) => x.rps / base.runs[i].rps);
    const p50s = p.runs.map((x, i) => x.p50 / base.runs[i].p50);
    const cpus = p.runs.map((x, i) => base.runs[i].cpu / x.cpu);
    const of = (key) => median(p.runs.map((x) => x[key]));
    console.log(
      `| ${p.name} | ${of('rps').toFixed(0)} | ${median(ratios).toFixed(2)} | ${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)} | ${of('p50')} | ${median(p50s).toFixed(2)} | ${of('p99')} | ${of('cpu').toFixed(0)} | ${median(cpus).toFixed(2)} | ${p.note ?? ''} |`,
    );
  }
  if (peers.some((p) => p.note)) process.exitCode = 2;
}

const LUA = `done = function(s, l, r)
 io.write(string.format('@@{"us":%d,"n":%d,"p50":%d,"p99":%d,"bad":%d,"sock":%d}\\n', s.duration, s.requests,
  l:percentile(50), l:percentile(99), s.errors.status, s.errors.connect+s.errors.read+s.errors.write+s.errors.timeout)) end`;

const nginxConf = (
  dir,
  port,
) => `worker_processes 1; daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log warn;
worker_rlimit_nofile 8192; events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s; sendfile on; tcp_nodelay on;
client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
open_file_cache max=100 inactive=600s; etag off;
server { listen ${H}:${port} backlog=1024; root ${dir}/www; default_type application/json; } }`;

function get(port, target) {
  return new Promise((ok, bad) => {
    http
      .get({ host: H, port, path: target, agent: false }, (r) => {
        const chunks = [];
        r.on('data', (d) => chunks.push(d)).on('end', () =>
          ok({ status: r.statusCode, body: Buffer.concat(chunks).toString() }),
        );
      })
      .on('error', bad);
  });
}

async function up(port, target, kid) {
  for (let i = 0; i < 100; i++) {
    if (kid && kid.exitCode !== null) throw new Error(`exited with ${kid.exitCode}`);
    try {
      if ((await get(port, target)).status === 200) return;
    } catch {}
    await sleep(100);
  }
  throw new Error(`nothing responds on ${port}${target}`);
}

async function check(p) {
  const r = await get(p.port, pathOf(p.name));
  if (r.status !== 200 || r.body !== BODY)
    throw new Error(`${p.name} responded with ${r.status} and ${r.body.length} bytes`);
}

/** Processor time of a process, in clock ticks of 10 ms: it does not depend on what else the machine does. */
function cpuTicks(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

if (process.argv[2] === '__peer') {
  process.on('SIGTERM', () => process.exit(0));
  await PEERS[process.argv[3]](JSON.parse(process.argv[4]));
} else await main();
