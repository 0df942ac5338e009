#!/usr/bin/env node
// What a miss costs: calls that are all different, through resilientProxy with a cache that has room for them, with one
// whose memory is full, and without one.
//
//   npm run build && node test/bench/cache-misses.mjs [--conns=64] [--rounds=7] [--secs=4]
//
// Needs wrk and nginx (the origin). The proxies have CPU 0, load and origin share CPU 1; rounds are interleaved.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, up } from './harness.mjs';

const SELF = fileURLToPath(import.meta.url);
const H = '127.0.0.1';
const BODY = `{"ok":true,"pad":"${'x'.repeat(1024 - 20)}"}`;
const MB = 1024 * 1024;
const [ample, full] = [{ maxBytes: 1024 * MB }, { maxBytes: 8 * MB }];
const PEERS = {
  'no cache': false,
  "cache 'ttl'": ample,
  "cache 'standard'": { mode: 'standard', ...ample },
  "cache 'ttl', memory full": full,
};

if (process.argv[2] === '__peer') {
  const [, , , name, port, origin] = process.argv;
  const { resilientProxy } = await import(process.env.CACHE_BENCH_PACKAGE ?? 'resilient-proxy-out');
  const target = `http://${H}:${origin}`;
  const proxy = resilientProxy({ name: 'bench', target, cache: PEERS[name], cacheBytes: 1024 * MB });
  http.createServer(proxy).listen(Number(port), H);
  process.on('SIGTERM', () => process.exit(0));
} else await main();

async function main() {
  const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
  const [conns, rounds, secs] = [Number(arg.conns ?? 64), Number(arg.rounds ?? 7), Number(arg.secs ?? 4)];
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'cache-misses-'));
  fs.chmodSync(tmp, 0o755);
  const kids = [];
  const start = (cpu, argv) => {
    const kid = spawn('taskset', ['-c', cpu, ...argv], { stdio: ['ignore', 'ignore', 'inherit'] });
    kids.push(kid);
    return kid.pid;
  };
  try {
    const origin = Number(arg.port ?? 21700);
    fs.writeFileSync(path.join(tmp, 'nginx.conf'), nginxConf(tmp, origin));
    start('1', ['nginx', '-e', path.join(tmp, 'boot.log'), '-p', tmp, '-c', path.join(tmp, 'nginx.conf')]);
    const lua = path.join(tmp, 'paths.lua');
    fs.writeFileSync(
      lua,
      'i = 0\nrequest = function() i = i + 1 return wrk.format("GET", wrk.path .. i) end\n',
    );
    const peers = Object.keys(PEERS).map((name, i) => ({ name, port: origin + 1 + i, runs: [], cpu: [] }));
    for (const p of peers) {
      const { name, port } = p;
      const prof = arg.prof === name ? ['--cpu-prof', '--cpu-prof-dir', arg.profdir ?? tmp] : [];
      p.pid = start('0', [process.execPath, ...prof, SELF, '__peer', name, String(port), String(origin)]);
      await up(port, '/up');
    }
    let run = 0;
    const load = ({ port, pid }, seconds) => {
      // New paths for each run: none was requested before.
      const url = `http://${H}:${port}/run${run++}/`;
      const args = ['-c', '1', 'wrk', '-t1', `-c${conns}`, `-d${seconds}s`, '-s', lua, url];
      const before = cpuSeconds(pid);
      const out = execFileSync('taskset', args, { encoding: 'utf8' });
      if (/Non-2xx|Socket errors/.test(out)) throw new Error(out);
      const [, calls] = /(\d+) requests in/.exec(out);
      return {
        rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]),
        cpu: ((cpuSeconds(pid) - before) * 1e6) / Number(calls),
      };
    };
    for (const p of peers) load(p, 2);
    for (let r = 0; r < rounds; r++) {
      for (const p of [...peers.slice(r % peers.length), ...peers.slice(0, r % peers.length)]) {
        const { rate, cpu } = load(p, secs);
        p.runs.push(rate);
        p.cpu.push(cpu);
      }
    }
    console.log(
      `\n1 KB, ${conns} connections, ${rounds} rounds of ${secs} s, Node ${process.version}, every call a miss`,
    );
    console.log('| | req/s | ratio | least-most | us of CPU | ratio |\n|---|---:|---:|---:|---:|---:|');
    for (const p of peers) {
      const ratios = p.runs.map((x, i) => x / peers[0].runs[i]);
      const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
      const cpu = median(p.cpu.map((x, i) => peers[0].cpu[i] / x));
      console.log(
        `| ${p.name} | ${median(p.runs).toFixed(0)} | ${median(ratios).toFixed(3)} | ${range} | ${median(p.cpu).toFixed(1)} | ${cpu.toFixed(3)} |`,
      );
    }
  } finally {
    for (const k of kids) k.kill('SIGTERM');
    await sleep(300);
    if (!arg.profdir) fs.rmSync(tmp, { recursive: true, force: true });
  }
}

function nginxConf(dir, port) {
  return `worker_processes 1; daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log warn;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on;
client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
server { listen ${H}:${port} backlog=1024; location / { default_type application/json;
add_header Cache-Control "max-age=600"; add_header ETag '"v1"'; add_header Vary Accept-Encoding; return 200 '${BODY}'; } } }`;
}

/** User and system time of a process, from the kernel's ticks of 10 ms. */
function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
