#!/usr/bin/env node
// What a million distinct keys take under maxBytes, beside what the store says it holds.
//
//   npm run build && node --expose-gc test/bench/cache-memory.mjs [--keys=1000000] [--mb=64] [--body=1024]
//
// Needs wrk, which requests one new path after another; cache() and the handler behind it are in this process.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const { cache } = await import(process.env.CACHE_BENCH_PACKAGE ?? 'resilient-proxy-out');
const keys = Number(arg.keys ?? 1_000_000);
const mb = Number(arg.mb ?? 64);
const bodyBytes = Number(arg.body ?? 1024);
const MB = 1024 * 1024;

async function memory() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await sleep(50);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { held: (heapUsed + external) / MB, rss: rss / MB };
}

const front = cache({ maxBytes: mb * MB });
/** A body as it comes from an upstream's socket: a slice of a buffer that also holds the head. */
const received = (i) => Buffer.alloc(bodyBytes + 200, `body ${i} `).subarray(200);
/** A header as it comes from a parser: a string of its own. */
const parsed = (text) => Buffer.from(text).toString('latin1');
let requested = 0;
const server = http.createServer((req, res) =>
  front(req, res, () => {
    const i = requested++;
    const headers = [
      ...['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(bodyBytes)],
      ...['Date', new Date(1.7e12 + i * 1000).toUTCString(), 'ETag', `"${(i * 2654435761).toString(16)}"`],
      ...['Cache-Control', 'max-age=600', 'Vary', 'Accept-Encoding', 'X-Request-Id', `id-${i}-${i * 7}`],
    ];
    res.writeHead(200, parsed('OK'), headers.map(parsed));
    res.end(received(i));
  }),
);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'cache-memory-'));
const lua = path.join(tmp, 'paths.lua');
fs.writeFileSync(
  lua,
  'i = 0\nrequest = function() i = i + 1 return wrk.format("GET", "/api/thing/" .. i .. "?page=" .. i) end\n',
);
async function ask(count) {
  const until = requested + count;
  const url = `http://127.0.0.1:${server.address().port}`;
  const wrk = spawn('wrk', ['-t1', '-c64', '-d3600s', '-s', lua, url], { stdio: 'ignore' });
  while (requested < until) await sleep(20);
  wrk.kill();
  await sleep(300);
}

await ask(2000);
await front.purge({ prefix: '/' });
const idle = await memory();
await ask(keys);
const { entries, bytes, evictions } = front.counts();
const { rss } = process.memoryUsage();
const full = await memory();
console.log(
  `${keys} keys of ${bodyBytes} bytes: ${entries} kept, ${evictions} evicted, counted ${(bytes / MB).toFixed(1)} MB`,
);
console.log(`heap and external over idle: ${(full.held - idle.held).toFixed(1)} MB (at most 84 for 64)`);
console.log(
  `RSS over idle: ${(full.rss - idle.rss).toFixed(1)} MB, before the collection ${(rss / MB - idle.rss).toFixed(1)} MB (at most 214 for 64)`,
);
server.close();
server.closeAllConnections();
fs.rmSync(tmp, { recursive: true, force: true });
