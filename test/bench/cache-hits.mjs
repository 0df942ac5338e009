#!/usr/bin/env node
// A hit from memory and from Redis beside the least that Node can do for the same bytes, all in one run.
//
//   npm run build && node test/bench/cache-hits.mjs [--conns=64] [--rounds=5] [--secs=4] [--kb=1] [--only=a,b]
//
// Needs wrk and redis-server; nginx and varnishd are measured where they are installed. Each peer is a process of its own on CPU 0, load and origin share CPU 1. Rounds are
// interleaved; printed are medians over the rounds of the ratio to the baseline within the same round.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, up } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const PACKAGE = process.env.CACHE_BENCH_PACKAGE ?? 'resilient-proxy-out';
const kb = Number(process.env.CACHE_BENCH_KB ?? arg.kb ?? 1);
const BODY = Buffer.from(`{"ok":true,"pad":"${'x'.repeat(kb * 1024 - 20)}"}`);
const listen = (server, port) => new Promise((ok) => server.listen(port, H, 1024, ok));

/** The headers of a hit, from the gateway itself: what every other peer sends. */
const HEADERS = (now = new Date()) => [
  'content-type',
  'application/json',
  'Content-Length',
  String(BODY.length),
  'Date',
  now.toUTCString(),
  'via',
  '1.1 resilient-proxy-out',
  'Age',
  '1',
  'Cache-Status',
  'resilient-proxy-out; hit; ttl=3599',
];

const respond = (_req, res) => {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
  res.end(BODY);
};

async function proxied(options = {}) {
  const { resilientProxy } = await import(PACKAGE);
  const origin = http.createServer(respond);
  await listen(origin, 0);
  const target = `http://${H}:${origin.address().port}`;
  return resilientProxy({ apis: { bench: { target, cache: { ttlMs: 3_600_000, ...options } } } });
}

const PEERS = {
  'node:http': async () => {
    const headers = HEADERS();
    return (_req, res) => {
      res.writeHead(200, headers);
      res.end(BODY);
    };
  },
  'cache() alone': async () => {
    const { cache } = await import(PACKAGE);
    const front = cache({ ttlMs: 3_600_000 });
    return (req, res) => front(req, res, () => respond(req, res));
  },
  'express Map': async () => {
    const { default: express } = await import('express');
    const stored = new Map([['/api/bench/x', { headers: HEADERS(), body: BODY }]]);
    return express().use((req, res) => {
      const { headers, body } = stored.get(req.originalUrl);
      for (let i = 0; i < headers.length; i += 2) res.setHeader(headers[i], headers[i + 1]);
      res.statusCode = 200;
      res.end(body);
    });
  },
  'express cache()': async () => {
    const { default: express } = await import('express');
    const { cache } = await import(PACKAGE);
    return express().use(cache({ ttlMs: 3_600_000 }), respond);
  },
  'express resilientProxy': async () => {
    const { default: express } = await import('express');
    return express().use('/api', await proxied());
  },
};
const REDIS_PEERS = {
  'express ioredis GET': async (redis) => {
    const { default: express } = await import('express');
    const { Redis } = await import('ioredis');
    const client = new Redis(redis, { enableAutoPipelining: true });
    await client.set('/api/bench/x', BODY);
    const headers = HEADERS();
    return express().use(async (req, res) => {
      const body = await client.getBuffer(req.originalUrl);
      for (let i = 0; i < headers.length; i += 2) res.setHeader(headers[i], headers[i + 1]);
      res.statusCode = 200;
      res.end(body);
    });
  },
  'express cache() on Redis': async (redis) => {
    const { default: express } = await import('express');
    const { cache, redisStore } = await import(PACKAGE);
    return express().use(cache({ ttlMs: 3_600_000, store: redisStore({ redis }) }), respond);
  },
};

/** Other programs: how to run each, with one origin for all. */
const PROGRAMS = {
  gateway: ({ dir, port, origin }) => {
    const file = path.join(dir, 'apis.json');
    const apis = { bench: { target: origin, cache: { ttlMs: 3_600_000 } } };
    fs.writeFileSync(file, JSON.stringify({ apis }));
    return [process.execPath, 'dist/lib/gateway/main.js', '--config', file, '--port', String(port)];
  },
  'nginx proxy_cache': ({ dir, port, origin }) => {
    const file = path.join(dir, 'cache-nginx.conf');
    fs.writeFileSync(
      file,
      `worker_processes 1; daemon off; pid ${dir}/c.pid; error_log ${dir}/c.log warn;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on; sendfile on;
client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
proxy_cache_path ${dir}/cache levels=1 keys_zone=c:10m; server { listen ${H}:${port} backlog=1024;
location / { proxy_pass ${origin}; proxy_cache c; proxy_cache_valid 200 1h; } } }`,
    );
    return ['nginx', '-e', path.join(dir, 'c-boot.log'), '-p', dir, '-c', file];
  },
  Varnish: ({ dir, port, origin }) => {
    const file = path.join(dir, 'bench.vcl');
    const { hostname, port: originPort } = new URL(origin);
    fs.writeFileSync(
      file,
      `vcl 4.1; backend default { .host = "${hostname}"; .port = "${originPort}"; } sub vcl_backend_response { set beresp.ttl = 1h; }`,
    );
    return [
      'varnishd',
      '-F',
      '-a',
      `${H}:${port}`,
      '-f',
      file,
      '-n',
      path.join(dir, 'v'),
      '-s',
      'malloc,64m',
    ];
  },
};

const BASE_OF = {
  'express cache() on Redis': 'express ioredis GET',
  'express cache()': 'express Map',
  'express resilientProxy': 'express Map',
};

if (process.argv[2] === '__peer') {
  process.on('SIGTERM', () => process.exit(0));
  const [, , , name, port, redis] = process.argv;
  const make = PEERS[name] ?? REDIS_PEERS[name];
  await listen(http.createServer(await make(redis)), Number(port));
} else await main();

async function main() {
  const conns = Number(arg.conns ?? 64);
  const rounds = Number(arg.rounds ?? 5);
  const secs = Math.min(Number(arg.secs ?? 4), 15);
  const all = [...Object.keys(PEERS), ...Object.keys(REDIS_PEERS), ...Object.keys(PROGRAMS)];
  const names = arg.only ? all.filter((name) => arg.only.split(',').includes(name)) : all;
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'cache-bench-'));
  const kids = [];
  try {
    let port = Number(arg.port ?? 21500);
    const peers = [];
    fs.chmodSync(tmp, 0o755);
    const origin = http.createServer(respond);
    await listen(origin, 0);
    const socket = path.join(tmp, 'redis.sock');
    if (names.some((name) => REDIS_PEERS[name])) {
      const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', tmp];
      kids.push(spawn('taskset', ['-c', '1', 'redis-server', ...options], { stdio: 'ignore' }));
      while (!fs.existsSync(socket)) await sleep(20);
    }
    for (const name of names) {
      if (PROGRAMS[name]) {
        const argv = PROGRAMS[name]({ dir: tmp, port, origin: `http://${H}:${origin.address().port}` });
        if (argv[0] !== process.execPath && !installed(argv[0])) continue;
        const stdio = ['ignore', 'ignore', 'ignore'];
        kids.push(spawn('taskset', ['-c', '0', ...argv], { stdio }));
        await up(port, '/api/bench/x');
        peers.push({ name, port: port++, runs: [] });
        continue;
      }
      const prof = arg.prof === name ? ['--cpu-prof', '--cpu-prof-dir', arg.profdir ?? tmp] : [];
      const env = { ...process.env, CACHE_BENCH_KB: String(kb) };
      const argv = ['-c', '0', process.execPath, ...prof, SELF, '__peer', name, String(port), socket];
      kids.push(spawn('taskset', argv, { stdio: ['ignore', 'ignore', 'inherit'], env }));
      await up(port, '/api/bench/x');
      peers.push({ name, port: port++, runs: [] });
    }
    const load = (p, seconds) => {
      const url = `http://${H}:${p.port}/api/bench/x`;
      const out = execFileSync('taskset', ['-c', '1', 'wrk', '-t1', `-c${conns}`, `-d${seconds}s`, url], {
        encoding: 'utf8',
      });
      if (/Non-2xx|Socket errors/.test(out)) p.note = 'errors';
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]);
    };
    for (const p of peers) load(p, 2);
    for (let r = 0; r < rounds; r++) {
      const k = (r * 3) % peers.length;
      for (const p of [...peers.slice(k), ...peers.slice(0, k)]) p.runs.push(load(p, secs));
    }
    console.log(`\n${kb} KB, ${conns} connections, ${rounds} rounds of ${secs} s, Node ${process.version}`);
    console.log('| peer | req/s | beside | ratio | least-most | note |\n|---|---:|---|---:|---:|---|');
    for (const p of peers) {
      const baseName = BASE_OF[p.name] ?? 'node:http';
      const base = peers.find((q) => q.name === baseName);
      const ratios = p.runs.map((x, i) => x / (base ?? p).runs[i]);
      console.log(
        `| ${p.name} | ${median(p.runs).toFixed(0)} | ${baseName} | ${median(ratios).toFixed(2)} | ${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)} | ${p.note ?? ''} |`,
      );
    }
  } finally {
    for (const k of kids) k.kill('SIGTERM');
    await sleep(500);
    if (!arg.profdir) fs.rmSync(tmp, { recursive: true, force: true });
    // The origin listens until the end.
    process.exit();
  }
}

function installed(program) {
  return spawnSync('which', [program]).status === 0;
}
