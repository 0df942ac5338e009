#!/usr/bin/env node
// proxyRotate() with a pool as one buys them: ten egress proxies, of which one breaks TLS, one drops tunnels, one
// hangs, one refuses its credentials and one is banned by the target (a captcha that comes with 200). And how soon an
// API is back after its target was down.
//
//   npm run build && node test/bench/pools.mjs [--calls=10000] [--outage-secs=30] [--only=pool,outage] [--transport=node]
//
// All of it runs in one process. Fails where a client gets an error, or a number is not kept.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { resilientProxy } from 'resilient-proxy-out';

const H = '127.0.0.1';
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const listen = (server, port = 0) =>
  new Promise((ok) => server.listen(port, H, 1024, () => ok(server.address().port)));
const faults = [];

const tls = certificate('127.0.0.1', 'IP:127.0.0.1');
const rogueTls = certificate('elsewhere.test', 'DNS:elsewhere.test');

function certificate(name, names) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pools-bench-'));
  const file = (one) => path.join(folder, one);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const out = ['-keyout', file('key'), '-out', file('cert'), '-subj', `/CN=${name}`];
  execFileSync('openssl', ['req', '-x509', ...ec, ...out, '-addext', `subjectAltName=${names}`], {
    stdio: 'pipe',
  });
  const read = { key: fs.readFileSync(file('key')), cert: fs.readFileSync(file('cert')) };
  fs.rmSync(folder, { recursive: true });
  return read;
}

/** A forward proxy; `decide(open, client)` may do something else than to open the tunnel, from its own address. */
async function startProxy(from, decide = (open) => open()) {
  const server = http.createServer();
  const proxy = { dials: 0, first: 0, last: 0, url: '' };
  server.on('connect', (req, client) => {
    proxy.dials++;
    proxy.first ||= performance.now();
    proxy.last = performance.now();
    client.on('error', () => {});
    const [, host, port] = /^(.*):(\d+)$/.exec(req.url);
    decide((to = Number(port)) => {
      const target = net.connect({ host, port: to, localAddress: from }, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      target.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
      target.on('close', () => client.destroy());
      client.on('close', () => target.destroy());
    }, client);
  });
  proxy.url = `http://${H}:${await listen(server)}`;
  return proxy;
}

async function serve(apis) {
  const proxy = resilientProxy({ stats: false, apis });
  const server = http.createServer((req, res) => proxy(req, res, () => res.writeHead(500).end()));
  const port = await listen(server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const call = (url) =>
    new Promise((done) => {
      http
        .get({ host: H, port, path: url, agent }, (res) => {
          let body = '';
          res.on('data', (chunk) => {
            body += chunk;
          });
          res.on('close', () => done(`${res.statusCode} ${body}`.slice(0, 100)));
        })
        .on('error', (error) => done(error.code));
    });
  return { call, proxy };
}

async function pool() {
  const calls = Number(arg.calls ?? 10_000);
  const cooldownMs = Number(arg['cooldown-ms'] ?? 30_000);
  const target = https.createServer(tls, (req, res) => {
    const banned = req.socket.remoteAddress.endsWith('.9');
    res.writeHead(200, { 'content-type': 'text/html' }).end(banned ? '<div id="captcha">' : 'ok');
  });
  const rogue = await listen(https.createServer(rogueTls, (_req, res) => res.end('rogue')));
  const bad = {
    'breaks TLS': await startProxy('127.0.0.2', (open) => open(rogue)),
    'drops tunnels': await startProxy('127.0.0.2', (_open, client) => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.once('data', () => client.destroy());
    }),
    hangs: await startProxy('127.0.0.2', () => {}),
    'responds with 407': await startProxy('127.0.0.2', (_open, client) =>
      client.end('HTTP/1.1 407 Who are you\r\n\r\n'),
    ),
    'is banned': await startProxy('127.0.0.9'),
  };
  const good = await Promise.all(Array.from({ length: 5 }, () => startProxy('127.0.0.2')));
  const { call, proxy } = await serve({
    x: {
      target: `https://${H}:${await listen(target)}`,
      ca: tls.cert,
      ...(arg.transport ? { transport: arg.transport } : {}),
      proxyRotate: {
        proxies: [...Object.values(bad), ...good].map(({ url }) => url),
        cooldownMs,
        connectTimeoutMs: Number(arg['connect-ms'] ?? 1000),
        banWhen: { status: [403], text: ['id="captcha"'] },
      },
    },
  });
  const seen = new Map();
  let next = 0;
  const since = performance.now();
  const worker = async () => {
    while (next++ < calls) {
      const response = await call('/x/page');
      seen.set(response, (seen.get(response) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  const tookMs = performance.now() - since;
  const allowed = Math.floor(tookMs / cooldownMs) + 1;
  const shown = [...seen].map(([response, count]) => `${count} x ${response}`).join(', ');
  console.log(`pool: ${calls} calls, 64 at a time, in ${Math.round(tookMs)} ms: ${shown}`);
  if (seen.get('200 ok') !== calls) faults.push('clients got errors');
  for (const [what, { dials, first, last }] of Object.entries(bad)) {
    // Nobody knows of a ban before the first response: what is dialled until then counts as one.
    const atOnce = what === 'is banned' && last - first < 1000;
    console.log(
      `  the one that ${what}: dialled ${dials} times within ${Math.round(last - first)} ms (at most ${allowed})`,
    );
    if (dials > allowed && !atOnce) faults.push(`the proxy that ${what} was dialled too often`);
  }
  for (const { name, state, reason } of proxy.egress().proxies) {
    if (state !== 'ok') console.log(`  ${name} ${state}: ${reason}`);
  }
  await proxy.close();
}

async function outage() {
  const forMs = Number(arg['outage-secs'] ?? 30) * 1000;
  const respond = (_req, res) => res.end('ok');
  const first = http.createServer(respond);
  const port = await listen(first);
  const proxies = await Promise.all(Array.from({ length: 10 }, () => startProxy('127.0.0.2')));
  const api = { target: `http://${H}:${port}`, breaker: { resetTimeoutMs: 1000, successThreshold: 1 } };
  const { call, proxy } = await serve({
    direct: api,
    x: { ...api, proxyRotate: { proxies: proxies.map(({ url }) => url) } },
  });
  const asked = async (forMs) => {
    const until = performance.now() + forMs;
    while (performance.now() < until) {
      await Promise.all([call('/x/'), call('/direct/')]);
      await sleep(25);
    }
  };
  await asked(1000);
  first.close();
  first.closeAllConnections();
  await asked(forMs);
  await listen(http.createServer(respond), port);
  const since = performance.now();
  const back = {};
  while (performance.now() - since < 10_000 && !(back.x && back.direct)) {
    for (const name of ['x', 'direct'])
      if (!back[name] && (await call(`/${name}/`)) === '200 ok') back[name] = performance.now() - since;
    await sleep(25);
  }
  const ms = (name) => (back[name] === undefined ? 'not' : `after ${Math.round(back[name])} ms`);
  console.log(
    `outage: ${forMs / 1000} s, the circuit's time 1 s: back ${ms('x')} through ten proxies (at most 2000 ms), ` +
      `directly ${ms('direct')}`,
  );
  if (!(back.x <= 2000)) faults.push('the API was not back in time');
  await proxy.close();
}

for (const [name, part] of Object.entries({ pool, outage })) {
  if (!arg.only || arg.only.split(',').includes(name)) await part();
}
for (const fault of faults) console.log(`FAULT: ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
