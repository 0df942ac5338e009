#!/usr/bin/env node
// What an armed limit costs: CPU time of a call through `rateLimit({})` and `forward()` over that through `forward()` alone,
// in one process, in many short turns, with a target that advertises limits that nobody reaches.
//
//   npm run build && node test/bench/limits-cost.mjs [--rounds=40] [--seconds=0.5] [--api=GitHub|OpenAI|plain|none] [--auth]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const H = '127.0.0.1';
const HEADERS = {
  GitHub: () => ({
    'x-ratelimit-limit': 1e9,
    'x-ratelimit-remaining': 9e8,
    'x-ratelimit-reset': Math.ceil(Date.now() / 1000) + 1800,
    'x-ratelimit-used': 1e8,
    'x-ratelimit-resource': 'core',
  }),
  OpenAI: () => ({
    'x-ratelimit-limit-requests': 1e9,
    'x-ratelimit-remaining-requests': 9e8,
    'x-ratelimit-reset-requests': '6s',
    'x-ratelimit-limit-tokens': 1e9,
    'x-ratelimit-remaining-tokens': 9e8,
    'x-ratelimit-reset-tokens': '6s',
  }),
  plain: () => ({
    'x-ratelimit-limit': 1e9,
    'x-ratelimit-remaining': 9e8,
    'x-ratelimit-reset': Math.ceil(Date.now() / 1000) + 1800,
  }),
  none: () => ({}),
};
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));

async function listen(handler) {
  const server = http.createServer(handler);
  server.listen(0, H, 1024);
  await once(server, 'listening');
  return server.address().port;
}

async function target(api) {
  const body = 'x'.repeat(1000);
  const more = { 'content-type': 'text/plain', 'cache-control': 'private', server: 'x', vary: 'accept' };
  process.send(
    await listen((_req, res) => {
      res.writeHead(200, { ...more, ...HEADERS[api]() }).end(body);
    }),
  );
}

/** Sends as much as fits into 16 connections, for as long as each message says. */
function client() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const headers = 'auth' in arg ? { authorization: `Bearer ${'x'.repeat(40)}` } : {};
  const paths = Array.from({ length: 100 }, (_, i) => `/repos/a/b/issues/${i}`);
  process.on('message', async ({ port, ms }) => {
    const end = performance.now() + ms;
    let calls = 0;
    const call = () =>
      new Promise((resolve, reject) => {
        http
          .get({ host: H, port, agent, path: paths[calls % 100], headers }, (res) => {
            res.resume().on('end', resolve);
          })
          .on('error', reject);
      });
    const worker = async () => {
      for (; performance.now() < end; calls++) await call();
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    process.send(calls);
  });
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const quarter = (values, nth) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length * nth) / 4)].toFixed(3);

async function main() {
  const { forward, rateLimit } = await import('../../dist/lib/index.js');
  const { rounds = 40, seconds = 0.5, api = 'GitHub' } = arg;
  const self = fileURLToPath(import.meta.url);
  const origin = fork(self, ['--role=target', `--api=${api}`]);
  const [originPort] = await once(origin, 'message');
  const load = fork(self, ['--role=client', ...('auth' in arg ? ['--auth'] : [])]);
  const open = (limit) => {
    const to = forward({ target: `http://${H}:${originPort}` });
    return listen((req, res) => {
      const go = () => to(req, res, () => res.destroy());
      limit ? limit(req, res, (error) => (error ? res.writeHead(429).end() : go())) : go();
    });
  };
  const ports = { alone: await open(), armed: await open(rateLimit({})) };
  const spent = { alone: [], armed: [] };
  for (let round = -1; round < Number(rounds); round++) {
    const names = round % 2 ? ['alone', 'armed'] : ['armed', 'alone'];
    for (const name of names) {
      const before = process.cpuUsage();
      load.send({ port: ports[name], ms: 1000 * Number(seconds) });
      const [calls] = await once(load, 'message');
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) spent[name].push((user + system) / calls);
    }
  }
  const ratios = spent.armed.map((us, at) => us / spent.alone[at]);
  console.log(
    `${api}: alone ${median([...spent.alone]).toFixed(1)} us a call, armed ${median([...spent.armed]).toFixed(1)} us; ` +
      `ratio ${median([...ratios]).toFixed(3)} (half of them ${quarter(ratios, 1)} to ${quarter(ratios, 3)})`,
  );
  load.kill();
  origin.kill();
  process.exit();
}

if (arg.role === 'target') await target(arg.api);
else if (arg.role === 'client') client();
else await main();
