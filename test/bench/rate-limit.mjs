#!/usr/bin/env node
// Keeping to a limit that nobody has configured, and what learning a limit costs.
//
//   npm run build && node test/bench/rate-limit.mjs [--windows=4] [--rounds=5] [--secs=3] [--conns=64] [--only=limit,cost] [--tell=three]
//
// "limit": an API that allows 100 calls in 10 s is offered ten times that, through one process and through four on one
// Redis; counted is what the API saw after the first window. "cost": a proxy that learns limits beside one that
// does not, rounds interleaved, medians of the ratio. Needs redis-server and wrk.
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const ROOT = process.env.RATE_BENCH_LIB ?? new URL('../../dist/lib/index.js', import.meta.url).href;
const LIMIT = 100;
const WINDOW_MS = 10_000;
const kids = [];

const listen = async (server) => {
  server.listen(0, H, 1024);
  await once(server, 'listening');
  return server.address().port;
};

function wanted(part) {
  return !arg.only || arg.only.split(',').includes(part);
}

/** A process with `forward()`, behind the limiter if it is given options. */
async function peer(target, limits) {
  const { resilientProxy } = await import(ROOT);
  const { name = 'bench', redis, ...rateLimit } = limits ? JSON.parse(limits) : {};
  const alone = { breaker: false, retry: false, stats: false };
  const proxy = resilientProxy({ name, target, redis, ...alone, rateLimit: limits ? rateLimit : false });
  const server = http.createServer(proxy);
  process.on('disconnect', () => process.exit());
  process.send(await listen(server));
}

async function started(target, limits, cpu) {
  const kid = fork(SELF, ['__peer', target, ...(limits ? [JSON.stringify(limits)] : [])]);
  kids.push(kid);
  const [port] = await once(kid, 'message');
  if (cpu !== undefined) execFileSync('taskset', ['-a', '-p', '-c', String(cpu), String(kid.pid)]);
  return port;
}

async function limits() {
  const redisPort = await freePort();
  const redis = spawn('redis-server', ['--port', `${redisPort}`, '--save', '', '--bind', H], {
    stdio: 'ignore',
  });
  kids.push(redis);
  await sleep(500);
  const shared = { redis: `redis://${H}:${redisPort}` };
  console.log(
    `\n${LIMIT} calls per ${WINDOW_MS / 1000} s allowed, ten times that offered, after the first window`,
  );
  console.log(
    '| limit sent in | on limit | processes | windows | used | of allowed | refused by the API | of calls |',
  );
  console.log('|---|---|---:|---:|---:|---:|---:|---:|');
  const tells = Object.keys(TELLS).filter((tell) => !arg.tell || tell.startsWith(arg.tell));
  for (const tell of tells) {
    // In parallel: each process is mostly idle.
    const cases = ['reject', 'queue'].flatMap((onLimit) => {
      const options = { onLimit, maxWaitMs: 60_000, name: `${tell} ${onLimit}`.replaceAll(' ', '-') };
      return [measured(tell, options, 1), measured(tell, { ...options, ...shared }, 4)];
    });
    for (const line of await Promise.all(cases)) console.log(line);
  }
}

const up = (ms) => Math.ceil(ms / 1000);
const TELLS = {
  'three headers': (left, ms) => ({
    'RateLimit-Limit': LIMIT,
    'RateLimit-Remaining': left,
    'RateLimit-Reset': up(ms),
  }),
  'structured headers': (left, ms) => ({
    'RateLimit-Policy': `"api";q=${LIMIT};w=${WINDOW_MS / 1000}`,
    RateLimit: `"api";r=${left};t=${up(ms)}`,
  }),
  'X- with an instant': (left, ms) => ({
    'X-RateLimit-Limit': LIMIT,
    'X-RateLimit-Remaining': left,
    'X-RateLimit-Reset': up(Date.now() + ms),
  }),
  'Retry-After alone': () => ({}),
};

/** Windows by the clock, as most APIs have them. */
async function measured(tell, options, processes) {
  const windows = new Map();
  const api = http.createServer((_req, res) => {
    const now = Date.now();
    const index = Math.floor(now / WINDOW_MS);
    const window = windows.get(index) ?? { ok: 0, refused: 0 };
    windows.set(index, window);
    const ok = window.ok < LIMIT;
    if (ok) window.ok++;
    else window.refused++;
    const leftMs = (index + 1) * WINDOW_MS - now;
    res.writeHead(ok ? 200 : 429, {
      ...TELLS[tell](LIMIT - window.ok, leftMs),
      ...(ok ? {} : { 'Retry-After': up(leftMs) }),
    });
    res.end('{}');
  });
  const target = `http://${H}:${await listen(api)}`;
  const ports = await Promise.all(Array.from({ length: processes }, () => started(target, options)));
  const agent = new http.Agent({ keepAlive: true });
  let n = 0;
  const timer = setInterval(
    () => {
      const port = ports[n++ % ports.length];
      http.get({ host: H, port, agent }, (res) => res.resume()).on('error', () => {});
    },
    WINDOW_MS / LIMIT / 10,
  );
  const count = Number(arg.windows ?? 4);
  // The first window, which begins in the middle, and then this many.
  await sleep(WINDOW_MS - (Date.now() % WINDOW_MS) + WINDOW_MS * count - 200);
  clearInterval(timer);
  agent.destroy();
  api.close();
  const whole = [...windows].sort(([a], [b]) => a - b).slice(1);
  const used = whole.reduce((sum, [, { ok }]) => sum + ok, 0);
  const refused = whole.reduce((sum, [, window]) => sum + window.refused, 0);
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  return `| ${tell} | ${options.onLimit} | ${processes} | ${count} | ${used} | ${percent(used / LIMIT / count)} | ${refused} | ${percent(refused / (used + refused))} |`;
}

async function cost() {
  const conns = Number(arg.conns ?? 64);
  const secs = Math.min(Number(arg.secs ?? 3), 15);
  const body = Buffer.from(JSON.stringify({ pad: 'x'.repeat(1000) }));
  const api = http.createServer((_req, res) => {
    res.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      'RateLimit-Limit': 1_000_000_000,
      'RateLimit-Remaining': 999_000_000,
      'RateLimit-Reset': 3600,
    });
    res.end(body);
  });
  const target = `http://${H}:${await listen(api)}`;
  const peers = [
    { name: 'pass-through' },
    { name: 'rateLimit({}) armed', limits: {} },
    { name: 'rateLimit({ limit })', limits: { limit: 1_000_000_000 } },
  ];
  for (const p of peers) Object.assign(p, { port: await started(target, p.limits, 0), runs: [] });
  const load = async (p, seconds) => {
    const wrk = spawn('taskset', [
      '-c',
      '1',
      'wrk',
      '-t1',
      `-c${conns}`,
      `-d${seconds}s`,
      `http://${H}:${p.port}/`,
    ]);
    let out = '';
    wrk.stdout.on('data', (chunk) => {
      out += chunk;
    });
    await once(wrk, 'exit');
    if (/Non-2xx|Socket errors/.test(out)) p.note = 'errors';
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]);
  };
  for (const p of peers) await load(p, 1);
  for (let r = 0; r < Number(arg.rounds ?? 5); r++) {
    const order = r % 2 ? [...peers].reverse() : peers;
    for (const p of order) p.runs.push(await load(p, secs));
  }
  api.close();
  console.log(`\n1 KB, ${conns} connections, rounds of ${secs} s, Node ${process.version}`);
  console.log('| | req/s | beside pass-through | least-most | note |\n|---|---:|---:|---|---|');
  for (const p of peers) {
    const ratios = p.runs.map((rate, i) => rate / peers[0].runs[i]);
    const span = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
    console.log(
      `| ${p.name} | ${median(p.runs).toFixed(0)} | ${median(ratios).toFixed(3)} | ${span} | ${p.note ?? ''} |`,
    );
  }
}

async function freePort() {
  const server = http.createServer();
  const port = await listen(server);
  server.close();
  return port;
}

if (process.argv[2] === '__peer') await peer(...process.argv.slice(3));
else {
  try {
    if (wanted('limit')) await limits();
    if (wanted('cost')) await cost();
  } finally {
    for (const kid of kids) kid.kill();
  }
}
