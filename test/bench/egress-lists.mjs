#!/usr/bin/env node
// proxyRotate() with a list of 10 000 egress proxies: how long it takes to construct, a call while all of them are
// dead takes, and a reload blocks where one line has changed.
//
//   npm run build && node test/bench/egress-lists.mjs [--proxies=10000] [--runs=5]
//
// Printed is the median of the runs, and the worst, which says more about the machine where others work on it. How long the process was blocked is the longest gap between two turns of its event
// loop, from the change of the file until the new list is in use.
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { forward, proxyRotate } from 'resilient-proxy-out';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const count = Number(arg.proxies ?? 10_000);
const runs = Number(arg.runs ?? 5);
const H = '127.0.0.1';

const listen = (server) => new Promise((ok) => server.listen(0, H, () => ok(server.address().port)));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lists-bench-'));
const file = path.join(folder, 'proxies.txt');
const target = `http://${H}:${await listen(http.createServer((_req, res) => res.end('ok')))}`;

/** All of them are addresses of this machine where nothing listens. */
const port = await new Promise((ok) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => ok(port));
  });
});
const line = (i, password) =>
  `127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}:${port}:user-${i}:${password}`;
const write = (lines) => {
  fs.writeFileSync(`${file}.new`, lines.join('\n'));
  fs.renameSync(`${file}.new`, file);
};

async function call(from) {
  const since = performance.now();
  const status = await new Promise((ok, fail) =>
    http
      .get({ host: H, port: from, agent: false }, (res) => res.resume().on('end', () => ok(res.statusCode)))
      .on('error', fail),
  );
  return { status, tookMs: performance.now() - since };
}

/** The longest time without a turn of the event loop until the promise resolves. */
async function blocked(promise) {
  let longest = 0;
  let last = performance.now();
  let over = false;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await promise;
  over = true;
  await new Promise(setImmediate);
  return longest;
}

/** The same list in code, as an array. */
function inCode(lines) {
  const urls = lines.map((text) => {
    const [host, port, user, password] = text.split(':');
    return `http://${user}:${password}@${host}:${port}`;
  });
  const since = performance.now();
  proxyRotate({ proxies: urls }).close();
  return performance.now() - since;
}

const notes = {};
const note = (name, value) => {
  notes[name] = [...(notes[name] ?? []), value].sort((a, b) => a - b);
};

for (let run = 0; run < runs; run++) {
  const lines = Array.from({ length: count }, (_, i) => line(i, `secret-${run}`));
  note('construction, array', inCode(lines));
  write(lines);
  const since = performance.now();
  const rotate = proxyRotate({ proxies: { file }, cooldownMs: 600_000, maxProxiesPerCall: 1000 });
  note('construction, file', performance.now() - since);
  const last = forward({ target });
  const server = http.createServer((req, res) =>
    rotate(req, res, () =>
      last(req, res, (error) => {
        res.statusCode = error.status ?? 500;
        res.end();
      }),
    ),
  );
  const from = await listen(server);
  // Each call finds a thousand dead ones.
  let status;
  do {
    ({ status } = await call(from));
  } while (rotate.status().some(({ state }) => state === 'ok'));
  const dead = await call(from);
  if (dead.status !== 503) throw new Error(`status ${dead.status} after ${status}`);
  note('call, all dead', dead.tookMs);

  lines[count >> 1] = line(count >> 1, 'changed');
  const changed = new Promise((ok) => rotate.on('list', ok));
  const gap = blocked(changed);
  write(lines);
  const { added, removed } = await changed;
  if (added !== 1 || removed !== 1) throw new Error(`${added} added, ${removed} removed`);
  note('reload, one line changed: blocked', await gap);
  const cooling = rotate.status().filter(({ state }) => state === 'cooling-down').length;
  if (cooling !== count - 1) throw new Error(`${cooling} cool down after the reload`);

  const another = new Promise((ok) => rotate.on('list', ok));
  const longer = blocked(another);
  write(lines.map((text) => `${text}-new`));
  await another;
  note('reload, all lines changed: blocked', await longer);
  server.closeAllConnections();
  server.close();
  rotate.close();
  await last.close();
}

fs.rmSync(folder, { recursive: true });
const bounds = { 'construction, array': 300, 'construction, file': 300, 'call, all dead': 1000 };
bounds['reload, one line changed: blocked'] = 50;
for (const [name, values] of Object.entries(notes)) {
  const bound = bounds[name] === undefined ? '' : ` (below ${bounds[name]} ms)`;
  const median = values[values.length >> 1].toFixed(1);
  console.log(
    `${count} proxies: ${name}: ${median} ms, worst of ${runs} ${values.at(-1).toFixed(1)} ms${bound}`,
  );
}
process.exit(0);
