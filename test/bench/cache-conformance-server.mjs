#!/usr/bin/env node
// The proxy that the public HTTP cache suite (github.com/http-tests/cache-tests) is run against.
//
//   npm run build
//   node test/bench/cache-conformance-server.mjs [--port=8090] [--origin=8000] [--redis=redis://127.0.0.1:6379] &
//   run-cache-tests <cache-tests checkout> http://127.0.0.1:8090
//
// Responses that set a cookie are not stored by default, and are here: one required test stores a response that sets a cookie.
// Retries and the breaker are off: the suite counts repeated calls and sends bursts of failures.
import { createServer } from 'node:http';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const { redisStore, resilientProxy } = await import('resilient-proxy-out');

const store = arg.redis ? redisStore({ redis: arg.redis }) : undefined;
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
server.listen(Number(arg.port ?? 8090), '127.0.0.1', () => console.log('listening'));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void proxy.close().then(() => store?.close());
});
