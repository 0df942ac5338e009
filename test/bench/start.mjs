#!/usr/bin/env node
// CPU time that the gateway takes from its start until it listens, of all its threads: with one API, which is that of its
// modules, and with many. Starts alternate; printed are medians.
//
//   npm run build && node test/bench/start.mjs [--apis=2000] [--rounds=5]
import { median } from './harness.mjs';
import { Gateway, textOf } from './many-apis.mjs';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const apis = Number(arg.apis ?? 2000);
const rounds = Number(arg.rounds ?? 5);

const cases = [1, apis].map((count) => ({ count, text: textOf(count), cpu: [], rss: [] }));
for (let round = 0; round < rounds; round++) {
  for (const one of cases) {
    const gateway = await new Gateway().start(one.text);
    const { cpuMs, rssMib } = await gateway.spent();
    one.cpu.push(cpuMs);
    one.rss.push(rssMib);
    await gateway.stop();
  }
}
console.log(`start, medians of ${rounds} rounds, Node ${process.version}`);
console.log('| APIs | ms of CPU | least-most | MiB |\n|---:|---:|---|---:|');
for (const { count, cpu, rss } of cases) {
  const span = `${Math.min(...cpu).toFixed(0)}-${Math.max(...cpu).toFixed(0)}`;
  console.log(`| ${count} | ${median(cpu).toFixed(0)} | ${span} | ${median(rss).toFixed(0)} |`);
}
const most = 1000;
console.log(`required: under ${most} ms`);
process.exit(median(cases[1].cpu) < most ? 0 : 1);
