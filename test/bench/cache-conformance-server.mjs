#!/usr/bin/env node
// The proxy that the public HTTP cache suite (github.com/http-tests/cache-tests) is run against.
//
//   npm run build
//   node test/bench/cache-conformance-server.mjs [--port=8090] [--origin=8000] [--redis=redis://127.0.0.1:6379]
//     [--processes=1] [--command-timeout-ms=1000] &
//   run-cache-tests <cache-tests checkout> http://127.0.0.1:8090
//
// Responses that set a cookie are not stored by default, and are here: one required test stores a response that sets a cookie.
// With several processes the requests alternate between them: each has its own connection, and connections go round.
// A look-up in Redis may take a second here: on a busy machine one of 50 ms (the default) that is late is a miss, and
// five of them in a row leave Redis out for a second, so that tests of what must be stored fail.
// Retries and the breaker are off: the suite counts repeated calls and sends bursts of failures.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const processes = Number(arg.processes ?? 1);

if (processes > 1 && cluster.isPrimary) await spread();
else await serve();

async function spread() {
  if (!arg.redis) throw new Error('Several processes need --redis');
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const workers = Array.from({ length: processes }, () => cluster.fork());
  cluster.on('exit', ({ exitedAfterDisconnect }, code) => {
    if (exitedAfterDisconnect || code === 0) return;
    console.error(`a process ended with ${code}`);
    process.exit(1);
  });
  process.on('SIGTERM', () => {
    for (const worker of workers) worker.kill();
  });
  await Promise.all(workers.map((worker) => once(worker, 'listening')));
  console.log('listening');
}

async function serve() {
  const { redisStore, resilientProxy } = await import('resilient-proxy-out');
  const commandTimeoutMs = Number(arg['command-timeout-ms'] ?? 1000);
  const store = arg.redis ? redisStore({ redis: arg.redis, commandTimeoutMs }) : undefined;
  const proxy = resilientProxy({
    name: 'suite',
    target: `http://127.0.0.1:${arg.origin ?? 8000}`,
    cache: {
      mode: 'standard',
      setCookie: 'store',
      sharedAcrossCredentials: true,
      ...(store ? { store } : {}),
    },
    forwardCookies: true,
    retry: false,
    breaker: false,
  });
  const server = createServer(proxy);
  if (processes > 1) server.maxRequestsPerSocket = 1;
  server.listen(Number(arg.port ?? 8090), '127.0.0.1', () => {
    if (cluster.isPrimary) console.log('listening');
  });
  process.on('SIGTERM', () => {
    server.close();
    server.closeAllConnections();
    void proxy
      .close()
      .then(() => store?.close())
      .then(() => cluster.worker?.disconnect());
  });
}
