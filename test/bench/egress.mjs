#!/usr/bin/env node
// proxyRotate(): calls through four egress proxies of which one is dead, one slow and one refuses; tunnels made; the
// shares of round robin; and what an armed rotation costs a call that goes direct.
//
//   npm run build && node test/bench/egress.mjs [--calls=10000] [--rounds=9] [--secs=3] [--only=outage,cost]
//
// Needs wrk and openssl. The origin and wrk are processes of their own; in `cost` both servers are in this
// process and take turns, and printed is the median of the ratios within a round.
import { execFile, execFileSync, fork } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Server as ForwardProxy } from 'proxy-chain';

const { forward, proxyRotate } = await import(process.env.EGRESS_BENCH_PACKAGE ?? 'resilient-proxy-out');
const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const BODY = Buffer.from(`{"ok":true,"pad":"${'x'.repeat(1004)}"}`);
const listen = (server) => new Promise((ok) => server.listen(0, H, 1024, () => ok(server.address().port)));
const respond = (_req, res) => {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
  res.end(BODY);
};

if (process.argv[2] === '__origin') {
  process.send(await listen(http.createServer(respond)));
  process.once('disconnect', () => process.exit());
} else await main();

async function main() {
  const parts = { outage, tunnels, shares, cost };
  for (const [name, part] of Object.entries(parts)) {
    if (!arg.only || arg.only.split(',').includes(name)) await part(Number(arg.calls ?? 10_000));
  }
  process.exit(0);
}

async function startProxy({ refuse = false, delayMs = 0 } = {}) {
  const stats = { connects: 0 };
  const proxy = new ForwardProxy({
    prepareRequestFunction: async ({ isHttp }) => {
      if (!isHttp) stats.connects++;
      if (delayMs) await new Promise((ok) => setTimeout(ok, delayMs));
      return { requestAuthentication: refuse };
    },
  });
  return { stats, url: `http://${H}:${await listen(proxy.server)}` };
}

async function startDead() {
  const stats = { connects: 0 };
  const server = net.createServer((socket) => {
    stats.connects++;
    socket.on('error', () => {}).resetAndDestroy();
  });
  return { stats, url: `http://${H}:${await listen(server)}` };
}

/** A server whose calls go through the rotation; `run` makes calls with the given concurrency. */
async function serve(target, options, forwardOptions = {}) {
  const rotate = options ? proxyRotate(options) : undefined;
  const last = forward({ target, secure: false, ...forwardOptions });
  const failed = (res) => (error) => {
    res.statusCode = error?.status ?? 500;
    res.end();
  };
  const server = http.createServer((req, res) => {
    const next = failed(res);
    if (rotate) rotate(req, res, () => last(req, res, next));
    else last(req, res, next);
  });
  const port = await listen(server);
  async function run(calls, atOnce) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
    const statuses = new Map();
    let next = 0;
    const one = () =>
      new Promise((done) => {
        const count = (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
        http
          .get({ port, host: H, agent }, (res) => {
            count(res.statusCode);
            res.resume().on('close', done);
          })
          .on('error', (error) => done(count(error.code)));
      });
    const worker = async () => {
      while (next++ < calls) await one();
    };
    const since = performance.now();
    await Promise.all(Array.from({ length: atOnce }, worker));
    agent.destroy();
    return { statuses, tookMs: performance.now() - since };
  }
  const close = async () => {
    server.close();
    server.closeAllConnections();
    rotate?.close();
    await last.close();
  };
  return { port, rotate, run, close };
}

function shown(statuses) {
  return [...statuses].map(([status, count]) => `${count} x ${status}`).join(', ');
}

async function outage(calls) {
  const origin = http.createServer(respond);
  const target = `http://${H}:${await listen(origin)}`;
  const proxyServers = {
    dead: await startDead(),
    slow: await startProxy({ delayMs: 50 }),
    refusing: await startProxy({ refuse: true }),
    good: await startProxy(),
  };
  const cooldownMs = 1000;
  const proxies = Object.values(proxyServers).map((proxy) => proxy.url);
  const { run, close } = await serve(target, { proxies, cooldownMs, maxCooldownMs: cooldownMs });
  const { statuses, tookMs } = await run(calls, 64);
  await close();
  const allowed = Math.floor(tookMs / cooldownMs) + 1;
  console.log(
    `outage: ${calls} calls, 64 at a time, in ${Math.round(tookMs)} ms: ${shown(statuses)}; ` +
      `cool-down ${cooldownMs} ms: dead proxy dialled ${proxyServers.dead.stats.connects} times, refusing ` +
      `${proxyServers.refusing.stats.connects} (at most ${allowed}); CONNECTs slow ${proxyServers.slow.stats.connects}, ` +
      `good ${proxyServers.good.stats.connects}`,
  );
}

async function tunnels() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'egress-bench-'));
  const file = (name) => path.join(folder, name);
  const names = [
    '-keyout',
    file('key.pem'),
    '-out',
    file('cert.pem'),
    '-subj',
    '/CN=localhost',
    '-days',
    '2',
  ];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...ec, ...names], { stdio: 'pipe' });
  const tls = { key: fs.readFileSync(file('key.pem')), cert: fs.readFileSync(file('cert.pem')) };
  fs.rmSync(folder, { recursive: true });
  const target = `https://${H}:${await listen(https.createServer(tls, respond))}`;
  for (const transport of ['undici', 'node']) {
    const proxy = await startProxy();
    const { run, close } = await serve(target, { proxies: [proxy.url], connections: 16 }, { transport });
    const { statuses, tookMs } = await run(1000, 16);
    await close();
    console.log(
      `tunnels (${transport}): 1000 https calls, 16 at a time, in ${Math.round(tookMs)} ms: ` +
        `${shown(statuses)}; ${proxy.stats.connects} CONNECTs (at most 16)`,
    );
  }
}

async function shares(calls) {
  const target = `http://${H}:${await listen(http.createServer(respond))}`;
  const proxyServers = await Promise.all(Array.from({ length: 4 }, () => startProxy()));
  const { run, rotate, close } = await serve(target, { proxies: proxyServers.map((proxy) => proxy.url) });
  const { statuses } = await run(calls, 64);
  const off = rotate.status().map((proxy) => (proxy.attempts / (calls / 4) - 1) * 100);
  await close();
  console.log(
    `shares: ${calls} calls, 64 at a time: ${shown(statuses)}; off its share by ` +
      `${off.map((percent) => `${percent.toFixed(2)} %`).join(', ')} (at most 2 %)`,
  );
}

async function cost() {
  const rounds = Number(arg.rounds ?? 9);
  const secs = Number(arg.secs ?? 3);
  const origin = fork(SELF, ['__origin']);
  const port = await new Promise((ok) => origin.once('message', ok));
  const target = `http://${H}:${port}`;
  const proxies = [`http://${H}:1`, `http://${H}:2`];
  const peers = {
    'forward alone': await serve(target),
    on_rate_limit: await serve(target, { proxies, strategy: 'on_rate_limit' }),
    noProxy: await serve(target, { proxies, noProxy: ['127.0.0.0/8'] }),
  };
  const load = async (peer, seconds) => {
    const argv = ['-t1', '-c64', `-d${seconds}s`, `http://${H}:${peer.port}/x`];
    const before = process.cpuUsage();
    const { stdout } = await promisify(execFile)('wrk', argv, { encoding: 'utf8' });
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
    const { user, system } = process.cpuUsage(before);
    const calls = Number(/(\d+) requests in/.exec(stdout)[1]);
    return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), cpuUs: (user + system) / calls };
  };
  const names = Object.keys(peers);
  const runs = new Map(names.map((name) => [name, []]));
  for (const name of names) await load(peers[name], 1);
  for (let r = 0; r < rounds; r++) {
    const k = r % names.length;
    for (const name of [...names.slice(k), ...names.slice(0, k)]) {
      runs.get(name).push(await load(peers[name], secs));
    }
  }
  origin.kill();
  const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const base = runs.get('forward alone');
  for (const name of names) {
    const ratio = middle(runs.get(name).map(({ rate }, i) => rate / base[i].rate));
    // On a machine that others use as well, CPU time tells more than the rate.
    const ofCpu = middle(runs.get(name).map(({ cpuUs }, i) => base[i].cpuUs / cpuUs));
    const rate = Math.round(middle(runs.get(name).map((run) => run.rate)));
    console.log(
      `cost: ${name}: ${rate} req/s, ratio ${ratio.toFixed(3)}, by CPU time ${ofCpu.toFixed(3)} (at least 0.96)`,
    );
  }
}
