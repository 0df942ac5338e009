import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BreakerHandler, breaker } from '../../lib/breaker/breaker.js';
import { CircuitRegistry } from '../../lib/breaker/circuit-registry.js';
import type { EgressStatus } from '../../lib/core/egress-status.js';
import type { RecentError } from '../../lib/stats/stats-source.js';
import type { FakeApi } from './fake-stats.js';

/** Errors of an outage, newest first. */
export function errorsAt(now: number): RecentError[] {
  const paths = ['/v1/charges', '/v1/charges/8412/refund', '/v1/customers?api_key=***', '/v1/payouts'];
  return Array.from({ length: 26 }, (_, i): RecentError => {
    const late = i % 3 === 1;
    return {
      time: now - i * 7300 - 4000,
      status: late ? 504 : 503,
      by: i % 4 === 3 || late ? 'target' : 'self',
      code: i % 4 === 3 ? undefined : late ? 'ERR_UPSTREAM_TIMEOUT' : 'ERR_CIRCUIT_OPEN',
      message:
        i % 4 === 3
          ? 'status 503'
          : late
            ? 'The upstream did not respond within 10000 ms'
            : 'Service temporarily unavailable: circuit "payments" is open after 5 failures (last: status 503). Please try again in 21 seconds',
      method: i % 2 === 0 ? 'POST' : 'GET',
      path: paths[i % paths.length] ?? '/',
      requestId: `01J9-${(4_711_000 + i * 37).toString(16)}`,
      durationMs: late ? 10_004 : 0.4,
      attempts: late ? 3 : 0,
    };
  });
}

/** Three APIs; one of them fails. */
export function apisAt(now: number): Record<string, FakeApi> {
  const names = [
    'charges',
    'charges/:id',
    'charges/:id/refund',
    'customers',
    'customers/:id',
    'payouts',
    'balance',
    'events',
    'disputes/:id',
    'invoices',
    'invoices/:id',
    'webhooks',
  ];
  return {
    geocoder: { paths: ['/search', '/reverse', '/lookup/:id'], calls: 5200, failing: 0 },
    payments: {
      paths: names.map((name) => `/v1/${name}`),
      calls: 18_400,
      failing: 0.031,
      slo: {
        ...{ availability: 0.99, latencyMs: 500, total: 13_248_000, bad: 96_710 },
        ...{ goodRatio: 0.9927, budgetLeft: 0.27, alert: undefined },
        burnRates: { '5m': 1.8, '30m': 1.2, '1h': 0.9, '6h': 0.7, '3d': 0.73 },
      },
      errors: errorsAt(now),
    },
    weather: {
      paths: ['/forecast/:id', '/current'],
      calls: 960,
      failing: 0.004,
      errors: errorsAt(now).slice(20),
    },
  };
}

/** Egress proxies and limits, some of them with problems. */
export function egressAt(now: number): EgressStatus {
  const idle = {
    ...{ successes: 0, latencyMs: undefined, bans: 0 },
    ...{ bytesSent: undefined, bytesReceived: undefined, cost: undefined },
  };
  const proxy = {
    address: undefined,
    coolsDownUntil: undefined,
    reason: undefined,
    failures: 0,
    active: 0,
    ...idle,
  };
  const limit = {
    name: 'default',
    credential: '',
    proxy: undefined,
    limit: undefined,
    resetsAt: undefined,
    queued: 0,
  };
  return {
    proxies: [
      {
        ...proxy,
        api: 'payments',
        name: 'eu-1.proxy.example:3128',
        address: 'http://eu-1.proxy.example:3128',
        state: 'ok',
        attempts: 8123,
        active: 3,
        ...{ successes: 8011, latencyMs: 184.2, bans: 0 },
        ...{ bytesSent: 9_120_000, bytesReceived: 612_400_000, cost: 4.97 },
      },
      {
        ...proxy,
        api: 'payments',
        name: 'us-1.proxy.example:3128',
        address: 'http://us-1.proxy.example:3128',
        state: 'cooling-down',
        coolsDownUntil: now + 47_000,
        reason: 'ECONNREFUSED',
        failures: 3,
        attempts: 7002,
        ...{ successes: 6480, latencyMs: 912, bans: 14 },
        ...{ bytesSent: 7_000_000, bytesReceived: 498_000_000, cost: 4.04 },
      },
      {
        ...proxy,
        api: 'payments',
        name: 'ap-1.proxy.example:3128',
        address: 'http://ap-1.proxy.example:3128',
        state: 'probing',
        reason: 'status 407',
        failures: 1,
        attempts: 311,
        successes: 310,
        active: 1,
      },
    ],
    limits: [
      {
        ...limit,
        api: 'search',
        state: 'exhausted',
        remaining: 0,
        limit: 5000,
        resetsAt: now + 754_000,
        queued: 12,
      },
      {
        ...limit,
        api: 'github',
        name: 'search',
        state: 'exhausted',
        remaining: 0,
        limit: 30,
        resetsAt: now + 41_000,
        queued: 1,
      },
      {
        ...limit,
        api: 'github',
        name: 'core',
        state: 'available',
        remaining: 4990,
        limit: 5000,
        resetsAt: now + 3_100_000,
      },
      {
        ...limit,
        api: 'llm',
        name: 'tokens',
        state: 'available',
        remaining: 149_984,
        limit: 150_000,
        queued: 2,
      },
      {
        ...limit,
        api: 'weather',
        credential: '9f2c41d07b',
        state: 'available',
        remaining: 812,
        limit: 1000,
        resetsAt: now + 3_000_000,
      },
    ],
    quotas: [
      {
        api: 'catalogue',
        name: 'limit',
        limit: 50,
        windowMs: 10_000,
        remaining: 0,
        queued: 7,
        waitingKeys: 2,
      },
      {
        api: 'llm',
        name: 'tokens per 86400 s',
        limit: 2_000_000,
        windowMs: 86_400_000,
        remaining: 1_400_250,
        queued: 0,
        waitingKeys: 0,
      },
    ],
  };
}

/** Real circuits: open, half open, forced open, beginning to fail, and healthy. */
export async function realCircuits(): Promise<CircuitRegistry> {
  const registry = new CircuitRegistry();
  const made = new Map<string, BreakerHandler>();
  let status = 200;
  const server = createServer((req, res) => {
    const guard = made.get(decodeURIComponent((req.url ?? '').slice(1)));
    guard?.(req, res, () => res.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  async function call(name: string, code: number): Promise<void> {
    status = code;
    const response = await fetch(`http://127.0.0.1:${port}/${encodeURIComponent(name)}`);
    await response.arrayBuffer();
  }

  async function circuit(
    name: string,
    responses: readonly number[],
    resetTimeoutMs = 30_000,
  ): Promise<BreakerHandler> {
    const guard = breaker({ name, registry, resetTimeoutMs });
    made.set(name, guard);
    for (const response of responses) await call(name, response);
    return guard;
  }

  const good = Array<number>(24).fill(200);
  await circuit('geocoder', good);
  await circuit('weather', [...good, 502, 502]);
  await circuit('search', Array<number>(5).fill(500), 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await call('search', 200);
  (await circuit('ledger:tenant-12', good)).forceOpen();
  await circuit('payments', [...good, ...Array<number>(5).fill(503)]);
  server.closeAllConnections();
  server.close();
  return registry;
}
