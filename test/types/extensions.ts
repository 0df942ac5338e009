// Compiled, never run: what users write themselves, a store, a source of statistics, a stage of their own.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Attempt,
  type CacheStore,
  cache,
  type Exchange,
  exchangeOf,
  type Figures,
  type Handler,
  type Lease,
  type Limit,
  type PathFigures,
  type Permit,
  ProxyError,
  type PurgeTarget,
  type StatsQuery,
  type StatsSource,
  type StatsView,
  type StoreCounts,
  type StoredUnder,
  type StoredVariant,
  statsDashboard,
} from '../../lib/index.js';

/** A store of a user's own. */
class FileStore implements CacheStore {
  readonly #values = new Map<string, readonly StoredVariant[]>();

  async get(key: string): Promise<readonly StoredVariant[] | undefined> {
    return this.#values.get(key)?.filter(({ meta, body }) => meta.bodyLength === body.length);
  }

  set(key: string, variants: readonly StoredVariant[], { keepUntil, tags }: StoredUnder): void {
    if (keepUntil > Date.now() && tags.length < 10) this.#values.set(key, variants);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  async purge(target: PurgeTarget): Promise<number> {
    return 'key' in target && this.#values.delete(target.key) ? 1 : 0;
  }

  async lease(): Promise<Lease> {
    return { release() {} };
  }

  counts(): StoreCounts {
    return { entries: this.#values.size, bytes: 0, evictions: 0, corrupt: 0 };
  }

  async close(): Promise<void> {}
}

/** Statistics from elsewhere. */
const source: StatsSource = {
  apis: async () => ['one'],
  paths: async (): Promise<readonly PathFigures[]> => [],
  view: async ({ api, period }: StatsQuery): Promise<StatsView> => ({
    api,
    period,
    path: undefined,
    time: Date.now(),
    figures: nothing(),
    buckets: [{ ...nothing(), start: 0, lengthMs: 3_600_000 }],
    recentErrors: [],
  }),
  onChange: () => () => {},
};

function nothing(): Figures {
  const none = { count: 0, min: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 };
  return {
    total: 0,
    success: 0,
    failure: 0,
    failedBy: { target: 0 },
    aborted: 0,
    outcomes: { success: 0, clientError: 0, refused: 0, failure: 0, aborted: 0 },
    statusCodes: { 200: 0 },
    responseTime: none,
    timeToFirstByte: none,
    upstreamTime: none,
    streamTime: none,
    webSocketTime: none,
    webSocketBytesIn: 0,
    webSocketBytesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    cache: { hit: 0 },
    attempts: 0,
    attemptResults: { success: 0, clientError: 0, failure: 0, otherFailure: 0, abandoned: 0 },
    background: 0,
    retried: 0,
    proxies: { direct: 0 },
    errors: { ERR_CIRCUIT_OPEN: 0 },
  };
}

export function plugged(): void {
  cache({ store: new FileStore() });
  statsDashboard(source);
  // @ts-expect-error a store counts
  cache({ store: { get: () => undefined, set() {}, delete() {}, purge: async () => 0, async close() {} } });
  // @ts-expect-error figures are not left out
  source.view = async () => ({ api: 'one' });
}

/** A stage that refuses the third attempt. */
class TwoAttempts implements Limit, Permit {
  admit(attempt: Attempt, exchange: Exchange): Permit | ProxyError {
    if (attempt.number < 3) return this;
    return new ProxyError('ERR_RATE_LIMITED', `${exchange.api} is asked twice`, { retryAfterMs: 1000 });
  }

  end({ outcome, durationMs, end }: Attempt): void {
    if (end?.kind === 'failure') end.by satisfies 'target' | 'egress' | 'client' | 'self';
    if (outcome?.kind === 'response') outcome.head.status satisfies number;
    if (outcome?.kind === 'failure') outcome.error.code satisfies string;
    // @ts-expect-error only an answer has a head
    outcome?.head;
    durationMs satisfies number;
  }
}

export const twice: Handler = function twice(
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
): void {
  const exchange = exchangeOf(req, res);
  exchange.limits.push(new TwoAttempts());
  exchange.onSettled(({ attempts, error }) => [attempts.length, error?.code]);
  // @ts-expect-error codes are known ones
  if (exchange.abandoned) next(new ProxyError('ERR_TEAPOT', 'too late'));
  next();
};
