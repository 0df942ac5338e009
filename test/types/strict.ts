// Compiled, never run: what a project with the strictest options of the compiler gives, exactOptionalPropertyTypes
// among them: values that may be undefined, and lists and objects that are readonly.
import type { IncomingMessage } from 'node:http';
import type { Request, Response } from 'express';
import {
  breaker,
  breakerDashboard,
  cache,
  concurrency,
  type ForwardOptions,
  forward,
  metrics,
  proxyRotate,
  rateLimit,
  resilientProxy,
  retry,
  stats,
} from '../../lib/index.js';

const target = 'https://api.example.com';

/** As from the environment, or from the options of a function of the application's own. */
interface Given {
  readonly number?: number | undefined;
  readonly flag?: boolean | undefined;
  readonly text?: string | undefined;
  readonly key?: ((req: IncomingMessage) => string | undefined) | undefined;
}

export function undefinedValues({ number, flag, text, key }: Given): void {
  resilientProxy({
    apis: {
      one: {
        target,
        cache: { ttlMs: number, key, store: undefined },
        rateLimit: { limit: number, burst: undefined, limitHeaders: { remaining: 'X-Left', limit: text } },
        breaker: { requestTimeoutMs: number, key },
        retry: { maxAttempts: number, idempotencyKey: { header: text } },
        proxyRotate: {
          proxies: [{ url: 'http://proxy.example', name: text, ca: text }],
          maxFailures: number,
        },
        requestTimeoutMs: number,
        auth: text,
        router: undefined,
        on: { error: undefined },
        explain: { serverTiming: flag },
        slo: { availability: number },
      },
      two: { target, cache: undefined, retry: undefined, breaker: undefined, stages: undefined },
    },
    defaults: undefined,
    redis: text,
    cacheBytes: number,
    stats: { maxPaths: number },
    metrics: undefined,
    tracing: { propagate: flag },
  });
  resilientProxy({ name: 'one', target: text, redis: { host: text, port: number, tls: flag, url: text } });
  cache({ ttlMs: number, methods: undefined });
  concurrency({ limit: number, key });
  metrics({ bucketsMs: undefined, circuits: undefined });
  stats({ path: key, redis: text });
  breakerDashboard(
    { circuits: breaker().registry, egress: undefined },
    { actions: flag, authorize: undefined },
  );
}

const METHODS = ['GET', 'POST'] as const;
const STATUSES = [429, 503] as const;
const PATHS: readonly string[] = ['/one', '/two'];

export function readonlyLists(): void {
  cache({ methods: METHODS, statuses: STATUSES, headers: PATHS });
  retry({ methods: METHODS, retryOnStatus: STATUSES, retryOnErrors: ['timeout', 'socket'] as const });
  rateLimit({ limits: [{ limit: 1, windowMs: 1000 }] as const, credentialHeaders: PATHS });
  breaker({ failureStatuses: ['5xx', 429] as const });
  proxyRotate({ proxies: PATHS, cooldownOnStatus: STATUSES, noProxy: PATHS });
  forward({ target, pathFilter: PATHS, methods: METHODS, headers: { Via: PATHS }, plugins: [] as const });
  resilientProxy(Object.freeze({ name: 'one', target, retry: Object.freeze({ methods: METHODS }) }));
}

/** A function of an option may declare what its framework hands on. */
export function framework(): void {
  breaker({ key: (req: Request) => req.ip });
  cache({ key: ({ hostname }: Request) => hostname });
  rateLimit({ cost: (req: Request) => Number(req.query.cost), scope: (req: Request) => req.hostname });
  stats({ path: (req: Request) => req.route?.path });
  const options: ForwardOptions<Request, Response> = {
    target,
    router: (req) => `https://${req.hostname}`,
    pathFilter: (path, req) => path !== '/' && req.secure,
    pathRewrite: async (path, { baseUrl }) => baseUrl + path,
    on: {
      proxyReq: (out, req, res) => void out.setHeader('X-Ip', `${req.ip} ${res.locals.user}`),
      proxyRes: (from, req, res) => void [from.statusCode, req.ip, res.locals],
    },
    plugins: [(server) => void server.on('proxyReq', (_out, req) => req.hostname)],
  };
  forward(options) satisfies (req: Request, res: Response) => unknown;
  forward<Request, Response>({ target, on: { error: (_error, req) => void req.ip } });
  resilientProxy({ apis: { one: { target, on: { start: (req: Request) => void req.ip } } } });
  // @ts-expect-error a request of Node's has no address
  forward({ target, on: { proxyReq: (_out, req) => req.ip } });
  // @ts-expect-error a key is text
  breaker({ key: (req: Request) => req.query });
  // @ts-expect-error what comes is a request
  breaker({ key: (req: number) => `${req}` });
}
