#!/usr/bin/env node
// Keeping to the limits of vendors' APIs that nobody has configured: ten times what they allow is offered.
//
//   node --import tsx test/bench/limits-vendors.mjs [--windows=3] [--only=GitHub+Shopify] [--tell=one,fleet,four]
//
// "one": one process, in time that jumps. "fleet": four of them, with a Redis that is a toy. "four": four processes on one
// Redis, over sockets and in real time, with shorter hours at GitHub; each response takes 50 ms; needs redis-server. Told is what
// came after the first window: the share of calls that the API refused, of those that were refused here though there
// was room, and of each limit that was used. "stall" is the longest time for which one of the processes stood still: on
// a machine that is busy with something else the figures say little.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { discord, gitHub, openAi, shopify, VENDOR_APIS } from '../support/vendor-apis.ts';
import { seeded, simulateLoad, Tally } from '../support/vendor-load.ts';

const H = '127.0.0.1';
const PROCESSES = 4;
const RESPONSE_MS = 50;
const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const windows = Number(arg.windows ?? 3);
const percent = (ratio) => `${(100 * ratio).toFixed(2)} %`;
const wanted = (name) => !arg.only || arg.only.split('+').some((part) => name.startsWith(part));
const tells = (what) => !arg.tell || arg.tell.split(',').includes(what);

const WIDTHS = [38, 9, 12, 12, 10, 0];
const row = (...cells) => console.log(cells.map((cell, at) => `${cell}`.padEnd(WIDTHS[at] ?? 0)).join(' '));

function tell(name, { refusedByApi, used, refusedInVain, calls, stallMs }) {
  const shares = Object.values(used).map(percent).join(' ');
  const stall = stallMs === undefined ? '-' : `${Math.round(stallMs)} ms`;
  row(name, calls, percent(refusedByApi), percent(refusedInVain), stall, shares);
}

/** In time that jumps. */
async function simulated(processes, ending) {
  for (const [name, make] of Object.entries(VENDOR_APIS)) {
    if (!wanted(name)) continue;
    // Short windows need more of them for the same number of calls.
    const { firstMs } = make(0);
    tell(name + ending, await simulateLoad(make, firstMs < 600_000 ? 10 * windows : windows, processes));
  }
}

const IN_REAL_TIME = {
  GitHub: () => gitHub({ size: 300, ms: 20_000 }),
  'OpenAI, requests bind': (now) => openAi(now, 40),
  'OpenAI, tokens bind': (now) => openAi(now, 120),
  Discord: () => discord(),
  Shopify: (now) => shopify(now),
};

async function listen(server) {
  server.listen(0, H, 1024);
  await once(server, 'listening');
  return server.address().port;
}

async function freePort() {
  const server = net.createServer();
  const port = await listen(server);
  server.close();
  return port;
}

/** The mock behind a socket: what a call takes stands in a header. */
async function served(api, events) {
  const server = http.createServer((req, res) => {
    const call = { takes: JSON.parse(req.headers['x-takes']) };
    const now = Date.now();
    const { status, rawHeaders } = api.respond(call, now);
    events.push({ at: Number(req.headers['x-admitted-at']), kind: 'sent', call });
    events.push({ at: now, kind: 'arrived', call });
    setTimeout(() => res.writeHead(status, rawHeaders).end(), RESPONSE_MS);
    req.resume();
  });
  const port = await listen(server);
  return { server, url: `http://${H}:${port}` };
}

/** What came of it all: each event counts when it happened, however late it was heard of. */
function replay(make, begin, events, end) {
  const api = make(begin);
  const tally = new Tally(api, begin);
  for (const { at, kind, call } of events.sort((a, b) => a.at - b.at)) {
    if (kind === 'offered') tally.offered(at);
    if (kind === 'sent') tally.sent(call);
    if (kind === 'refused') tally.refusedHere(call, at);
    if (kind === 'arrived') tally.arrived(call, api.respond(call, at).status, at);
  }
  return tally.result(end);
}

async function four() {
  const redisPort = await freePort();
  const redis = spawn('redis-server', ['--port', `${redisPort}`, '--save', '', '--bind', H], {
    stdio: 'ignore',
  });
  await sleep(500);
  for (const [name, make] of Object.entries(IN_REAL_TIME))
    if (wanted(name)) tell(`${name}, four processes`, await load(name, make, redisPort));
  redis.kill();
}

async function load(name, make, redisPort) {
  const events = [];
  const mock = {};
  const { server, url } = await served({ respond: (call, now) => mock.api.respond(call, now) }, events);
  const script = fileURLToPath(new URL('limits-process.mjs', import.meta.url));
  const limits = JSON.stringify({ name, redis: `redis://${H}:${redisPort}` });
  const kids = Array.from({ length: PROCESSES }, () =>
    fork(script, [limits, JSON.stringify({ target: url })], { execArgv: ['--import', 'tsx'] }),
  );
  const ports = await Promise.all(kids.map(async (kid) => (await once(kid, 'message'))[0]));
  const agent = new http.Agent({ keepAlive: true });
  const random = seeded(7);
  const begin = Date.now();
  const api = make(begin);
  mock.api = api;
  const offer = (port) => {
    const call = api.call(random);
    events.push({ at: Date.now(), kind: 'offered', call });
    const headers = { 'x-takes': JSON.stringify(call.takes) };
    const req = http.request(
      { host: H, port, agent, method: call.method, path: call.url, headers },
      (res) => {
        const at = Number(res.headers['x-refused-at']);
        if (at > 0) events.push({ at, kind: 'refused', call });
        res.resume();
      },
    );
    req.on('error', () => {});
    req.end();
  };
  const delay = monitorEventLoopDelay();
  delay.enable();
  const end = begin + (windows + 1) * api.firstMs;
  // Late calls are not made up for: a machine that is busy would only get busier.
  for (let sent = 0, due = begin; due < end; due = Math.max(due + 1000 / api.offered, Date.now())) {
    if (due > Date.now()) await sleep(due - Date.now());
    else await new Promise(setImmediate);
    offer(ports[sent++ % PROCESSES]);
  }
  await sleep(10 * RESPONSE_MS);
  const stalls = await Promise.all(
    kids.map(async (kid) => {
      kid.send('');
      return (await once(kid, 'message'))[0];
    }),
  );
  for (const kid of kids) kid.kill();
  agent.destroy();
  server.close();
  server.closeAllConnections();
  return { ...replay(make, begin, events, Date.now()), stallMs: Math.max(delay.max / 1e6, ...stalls) };
}

row('API', 'calls', 'by the API', 'in vain', 'stall', 'used');
if (tells('one')) await simulated(1, '');
if (tells('fleet')) await simulated(PROCESSES, ', fleet');
if (tells('four')) await four();
