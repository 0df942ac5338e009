// Compiled, never run: what must be accepted and what must not. `npm run typecheck` holds it against the
// sources, the package tests against the packed types.
import type { IncomingMessage } from 'node:http';
import { Redis } from 'ioredis';
import {
  type ApiOptions,
  breaker,
  breakerDashboard,
  CircuitRegistry,
  cache,
  explain,
  forward,
  loadConfig,
  MemoryStore,
  metrics,
  parseConfig,
  proxyRotate,
  type ResilientProxyConfig,
  rateLimit,
  redisStore,
  resiliencePlugin,
  resilientProxy,
  retry,
  stats,
  statsDashboard,
  tracing,
  twoLevelStore,
} from '../../lib/index.js';

const target = 'https://api.example.com';
const tenant = (req: IncomingMessage): string | undefined => req.headers['x-tenant']?.toString();

export function oneApi(): void {
  resilientProxy({ name: 'one', target });
  resilientProxy({ name: 'one', target: new URL(target) });
  resilientProxy({ name: 'one', router: () => target });
  resilientProxy({
    name: 'one',
    target,
    requiresBody: true,
    validateJson: false,
    maxBodyBytes: 1024,
    method: 'POST',
    headers: { 'X-Api-Key': 'key', Via: ['one', 'two'] },
    forwardHeaders: ['X-Request-Id'],
    forwardCookies: false,
    secure: true,
    changeOrigin: true,
    requestTimeoutMs: 1000,
    connections: 8,
    pathRewrite: { '^/me$': '/user' },
    redis: 'redis://127.0.0.1',
    explain: true,
    cache: false,
    rateLimit: false,
    breaker: false,
    retry: false,
    proxyRotate: false,
    stats: false,
    metrics: false,
    tracing: false,
  });
  // @ts-expect-error one API has a name
  resilientProxy({ target });
  // @ts-expect-error one API or many
  resilientProxy({ apis: { one: { target } }, target });
  // @ts-expect-error one API or many
  resilientProxy({ name: 'one', target, apis: {} });
  // @ts-expect-error what holds for all APIs stands in defaults
  resilientProxy({ apis: { one: { target } }, retry: false });
  // @ts-expect-error a target is a URL
  resilientProxy({ name: 'one', target: 443 });
  // @ts-expect-error a name that no option has
  resilientProxy({ name: 'one', target, timeoutMs: 1000 });
  resilientProxy({ name: 'one', target, cache: true, rateLimit: true, breaker: true, retry: true });
  // @ts-expect-error an objective has figures
  resilientProxy({ name: 'one', target, slo: true });
  // @ts-expect-error fields have values of text
  resilientProxy({ name: 'one', target, headers: { 'X-Tries': 3 } });
  // @ts-expect-error there is nothing without a configuration
  resilientProxy();
}

export function manyApis(): void {
  const github: ApiOptions = { target, retry: { maxAttempts: 4 } };
  const config: ResilientProxyConfig = {
    apis: { github, search: { target, requiresBody: true } },
    defaults: { explain: { serverTiming: false }, breaker: { failureThreshold: 3 }, retry: false },
    redis: { host: '127.0.0.1', port: 6379 },
    stats: { maxPaths: 100 },
    metrics: {},
    tracing: {},
  };
  resilientProxy(config);
  resilientProxy(loadConfig('apis.yaml', { env: {} }).config);
  resilientProxy(parseConfig('{}', { format: 'json' }).config);
  resilientProxy({ apis: {}, redis: new Redis() });
  // @ts-expect-error APIs stand under their names
  resilientProxy({ apis: [{ target }] });
  // @ts-expect-error an API has options
  resilientProxy({ apis: { github: target } });
  // @ts-expect-error attempts are counted
  resilientProxy({ apis: { github: { target, retry: { maxAttempts: '4' } } } });
  // @ts-expect-error the name of an option of retry() is maxAttempts
  resilientProxy({ apis: { github: { target, retry: { maxAttempt: 4 } } } });
  // @ts-expect-error circuits are named after their APIs
  resilientProxy({ apis: { github: { target, breaker: { name: 'github' } } } });
  // @ts-expect-error the connection to Redis is that of all APIs
  resilientProxy({ apis: { github: { target, rateLimit: { redis: 'redis://127.0.0.1' } } } });
  // @ts-expect-error a port alone is no connection
  resilientProxy({ apis: {}, redis: 6379 });
  resilientProxy({ apis: {}, stats: true, metrics: true, tracing: true, requestId: true });
}

export function parts(): void {
  breaker();
  breaker({ name: 'one', failureRatio: false, key: tenant, registry: new CircuitRegistry() });
  breaker({ name: undefined, failureThreshold: undefined });
  // @ts-expect-error a ratio is a number, or false
  breaker({ failureRatio: '50%' });
  // @ts-expect-error milliseconds are in the name
  breaker({ resetTimeout: 30 });

  cache({ mode: 'standard', store: new MemoryStore({ maxBytes: 1024 }), key: tenant, tags: () => ['all'] });
  cache({ ttlMs: 1000, methods: ['GET', 'POST'], headerStrategy: 'listed', headers: ['Accept-Language'] });
  const shared = redisStore({ redis: 'redis://127.0.0.1' });
  cache({ store: twoLevelStore({ memory: new MemoryStore({}), shared }) });
  // @ts-expect-error a mode is one of two
  cache({ mode: 'lru' });
  // @ts-expect-error a store is a CacheStore
  cache({ store: new Map() });

  rateLimit({ limit: 10, windowMs: 1000, burst: { limit: 5, windowMs: 60_000 }, onLimit: 'queue' });
  rateLimit({ redis: new Redis(), key: tenant });
  // @ts-expect-error calls are refused or wait
  rateLimit({ onLimit: 'drop' });
  // @ts-expect-error a burst has a window
  rateLimit({ limit: 10, burst: { limit: 5 } });

  retry({ methods: ['GET', 'POST'], retryOnErrors: ['timeout', 'socket'], budgetRatio: false });
  retry({ idempotencyKey: true });
  retry({ idempotencyKey: { header: 'PayPal-Request-Id', methods: ['POST'], quoted: true } });
  // @ts-expect-error a key is made anew for each call
  retry({ idempotencyKey: 'key' });
  // @ts-expect-error errors have names
  retry({ retryOnErrors: ['ECONNRESET'] });
  // @ts-expect-error statuses are numbers
  retry({ retryOnStatus: ['5xx'] });

  proxyRotate({ proxies: ['http://exit.example:3128', { url: 'http://exit.example', name: 'second' }] });
  proxyRotate({ strategy: 'sticky', stickyKey: (req) => req.url ?? '', fallback: 'direct' });
  // @ts-expect-error a strategy is one of five
  proxyRotate({ strategy: 'random' });
  // @ts-expect-error a key is text
  proxyRotate({ strategy: 'sticky', stickyKey: () => undefined });

  forward({ target });
  forward({ target, transport: 'node', on: { proxyReq: (proxyReq) => proxyReq.setHeader('X-One', '1') } });
  forward({ target, pathFilter: ['/one', '/two'], pathRewrite: (path) => path.slice(1) });
  // @ts-expect-error a transport is one of two
  forward({ target, transport: 'fetch' });
  // @ts-expect-error an event of http-proxy-middleware's
  forward({ target, on: { response: () => {} } });
  resiliencePlugin({ transport: 'undici' });

  stats({ name: 'one', path: (req) => req.url, redis: 'redis://127.0.0.1' });
  // @ts-expect-error a path is text
  stats({ path: () => 1 });
  metrics({ bucketsMs: [1, 10], circuits: () => [{ circuit: 'one', state: 'OPEN' }] });
  // @ts-expect-error a state is one of three
  metrics({ circuits: () => [{ circuit: 'one', state: 'broken' }] });
  tracing({ propagate: false });
  explain();
  explain({ serverTiming: true, proxyStatus: false });
  // @ts-expect-error the cache says by itself what it did
  explain({ cacheStatus: true });
}

export function dashboards(): void {
  const source = stats();
  const proxy = resilientProxy({ apis: {} });
  const authorize = async (req: IncomingMessage) => req.headers.authorization === 'Bearer token';
  statsDashboard(source, { title: 'One', links: [{ label: 'Circuits', href: '../circuits/' }], authorize });
  breakerDashboard(proxy, { actions: true, onAction: (action, circuit) => `${action} ${circuit}` });
  breakerDashboard({ circuits: breaker().registry });
  statsDashboard(proxy.stats);
  statsDashboard(resilientProxy({ name: 'one', target, stats: { maxPaths: 10 } }).stats);
  // @ts-expect-error statistics were turned off: there are none to show
  statsDashboard(resilientProxy({ name: 'one', target, stats: false }).stats);
  const loaded: ResilientProxyConfig = { apis: {} };
  // @ts-expect-error a configuration that is not known here may turn them off
  statsDashboard(resilientProxy(loaded).stats);
  // @ts-expect-error a link has a label
  statsDashboard(source, { links: [{ href: '../circuits/' }] });
  // @ts-expect-error only circuits can be acted on
  statsDashboard(source, { actions: true });
}
