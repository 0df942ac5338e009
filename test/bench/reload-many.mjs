#!/usr/bin/env node
// A reload of many APIs that changes one of them, in the gateway as a process of its own: the longest time for which its
// event loop stood still, by monitorEventLoopDelay, and its CPU time. The first reload after a start is shown by itself.
//
//   npm run build && node test/bench/reload-many.mjs [--apis=2000] [--starts=5] [--reloads=10]
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './harness.mjs';
import { Gateway, textOf } from './many-apis.mjs';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const apis = Number(arg.apis ?? 2000);
const starts = Number(arg.starts ?? 5);
const reloads = Number(arg.reloads ?? 10);
const MOST_MS = 50;

const first = [];
const later = [];
for (let start = 0; start < starts; start++) {
  const gateway = await new Gateway().start(textOf(apis));
  // What the start has left to do is not the reload's.
  await sleep(1000);
  for (let n = 0; n < reloads; n++) {
    await gateway.spent();
    const said = await gateway.reload(textOf(apis, n + 2));
    if (!said.includes('"changed":{"api-7":')) throw new Error(`unexpected: ${said}`);
    await sleep(300);
    (n === 0 ? first : later).push(await gateway.spent());
  }
  await gateway.stop();
}
console.log(`reload of ${apis} APIs with one change, ${starts} starts, Node ${process.version}`);
console.log('| | blocked ms, median | most | ms of CPU, median |\n|---|---:|---:|---:|');
for (const [name, list] of Object.entries({ 'the first': first, 'each later': later })) {
  const blocked = list.map(({ blockedMs }) => blockedMs);
  const cpu = median(list.map(({ cpuMs }) => cpuMs));
  console.log(
    `| ${name} | ${median(blocked).toFixed(1)} | ${Math.max(...blocked).toFixed(1)} | ${cpu.toFixed(0)} |`,
  );
}
console.log(`required: under ${MOST_MS} ms`);
process.exit(median(first.map(({ blockedMs }) => blockedMs)) < MOST_MS ? 0 : 1);
