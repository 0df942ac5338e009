// Compiled, never run: handlers fit where handlers go, and events bring what they say.
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import express from 'express';
import {
  apiStats,
  breaker,
  breakerDashboard,
  ConfigError,
  cache,
  circuitStatus,
  type ErrorCode,
  forward,
  InvalidOptionError,
  metrics,
  ProxyError,
  proxyRotate,
  rateLimit,
  resilientProxy,
  retry,
  stats,
  statsDashboard,
  tracing,
  upgradeRoutes,
} from '../../lib/index.js';

const target = 'https://api.example.com';

export function inExpress(): void {
  const app = express();
  const proxy = resilientProxy({ apis: { one: { target } } });
  const counted = stats();
  app.use('/api', proxy);
  app.use('/one', tracing(), metrics(), counted, cache(), rateLimit(), breaker(), retry(), proxyRotate());
  app.use('/one', forward({ target }));
  app.get('/two', cache(), breaker(), (_req, res) => {
    res.json({});
  });
  app.use('/stats', statsDashboard(counted));
  app.use('/circuits', breakerDashboard(proxy));
  app.get('/api-stats', async (req, res) => {
    const { status, body } = await apiStats(counted, req.query);
    res.status(status).json(body);
  });
  app.get('/circuit-status', (_req, res) => {
    res.json(circuitStatus(proxy.circuits.list(), Date.now()));
  });
  app.listen(0).on('upgrade', proxy.upgrade);
}

export function onNodeAlone(): void {
  const proxy = resilientProxy({ name: 'one', target });
  createServer(proxy).on('upgrade', proxy.upgrade);
  createServer((req, res) => proxy(req, res));
  const rotate = proxyRotate({ proxies: ['http://exit.example:3128'] });
  const last = forward({ target, ws: true });
  createServer((req, res) => last(req, res, () => res.end())).on('upgrade', (req, socket, head) => {
    last.upgrade(req, socket, head, rotate.policy());
  });
  const routes = {
    '/api': proxy.upgrade,
    '/last': last.upgrade,
    '/own': (_req: unknown, own: Duplex) => own.end(),
  };
  createServer(proxy).on('upgrade', last.upgrade).on('upgrade', upgradeRoutes(routes));
  // @ts-expect-error a handler is a function
  upgradeRoutes({ '/api': proxy });
  createServer((req, res) => last(req, res) satisfies Promise<void>);
}

export function events(): void {
  breaker().on('open', ({ api, circuit, reason, failures, retryAfterMs }) => {
    [api, circuit, reason] satisfies string[];
    [failures, retryAfterMs] satisfies number[];
  });
  breaker().on('close', (event) => {
    // @ts-expect-error a circuit that closes has nothing to wait for
    event.retryAfterMs;
  });
  // @ts-expect-error the event's name is halfOpen
  breaker().on('half_open', () => {});
  retry().on('retry', ({ api, method, attemptsMade, waitMs, because }) => {
    [api, method, because] satisfies string[];
    [attemptsMade, waitMs] satisfies number[];
  });
  retry().off('giveUp', ({ stop }) => stop satisfies string);
  // @ts-expect-error an event has one argument
  retry().on('retry', (_event, _more) => {});
  rateLimit().on('limitExhausted', ({ api, credential, proxy, retryAfterMs }) => {
    [api, credential, proxy ?? ''] satisfies string[];
    retryAfterMs satisfies number;
  });
  proxyRotate().on('cooldown', ({ proxy, cooldownMs }) => {
    // @ts-expect-error the direct way has no name
    proxy satisfies string;
    cooldownMs satisfies number;
  });
}

export async function control(): Promise<void> {
  const proxy = resilientProxy({ apis: { one: { target, cache: {} } } });
  const one = proxy.apis.get('one');
  one.breaker?.forceOpen();
  (await one.cache?.purge({ prefix: '/users' })) satisfies number | undefined;
  // @ts-expect-error a cache is there only where it was requested
  one.cache.counts();
  // @ts-expect-error there is no API of this name
  proxy.apis.get('two').breaker;
  const named: string = proxy.circuits.list()[0]?.api ?? '';
  proxy.apis.get(named)?.breaker?.reset();
  // @ts-expect-error an API may not be there
  proxy.apis.get(named).breaker;
  // @ts-expect-error what is listed is read only
  proxy.apis.set('two', one);
  for (const { api, circuit, state, failures } of proxy.circuits.list()) {
    [api, circuit] satisfies string[];
    failures satisfies number;
    state satisfies 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  }
  await proxy.close();
}

export function errors(error: unknown): string {
  if (error instanceof ProxyError) {
    error.code satisfies ErrorCode;
    // @ts-expect-error no such code
    if (error.code === 'ERR_TEAPOT') return '';
    error.retryAfterMs satisfies number | undefined;
    return `${error.status.toFixed()} ${error.headers['Retry-After'] ?? ''}`;
  }
  if (error instanceof InvalidOptionError) return error.path;
  if (error instanceof ConfigError) return error.problems.map(({ path, line }) => `${path}:${line}`).join();
  return '';
}
