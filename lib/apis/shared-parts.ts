import type { CircuitSnapshot } from '../breaker/circuit-snapshot.js';
import type { EgressStatus } from '../core/egress-status.js';
import { type MetricsHandler, metrics } from '../metrics/metrics.js';
import { socketFamilies } from '../metrics/socket-families.js';
import { closeClient, type OpenedRedis, openRedis, type RedisClient } from '../redis/client.js';
import { type StatsHandler, stats } from '../stats/stats.js';
import { type TracingHandler, tracing } from '../tracing/tracing.js';
import type { OpenSockets } from '../websocket/open-sockets.js';
import type { SharedOptions } from './options.js';

/** APIs with statistics of their own, including those that updates add and remove. */
const MAX_APIS = 1000;

/** What the shared parts need to know of all APIs. */
export interface SharedSources {
  /** Names of the APIs. */
  readonly apis: readonly string[];
  /** Lists every circuit. */
  circuits(): CircuitSnapshot[];
  /** Every open WebSocket. */
  readonly sockets: OpenSockets;
  egress(): EgressStatus;
}

/** The parts that serve every API of one factory, and the one connection to Redis that they share. */
export class SharedParts {
  readonly stats: StatsHandler | undefined;
  readonly metrics: MetricsHandler | undefined;
  readonly tracing: TracingHandler | undefined;
  readonly #redis: OpenedRedis | undefined;

  constructor(options: SharedOptions, { apis, circuits, sockets, egress }: SharedSources) {
    this.#redis = options.redis === undefined ? undefined : openRedis(options.redis);
    // Each part listens to Redis itself; without a listener here ioredis prints every failed connection.
    if (this.#redis?.own) this.#redis.client.on('error', () => {});
    const { redis } = this;
    try {
      this.metrics = options.metrics ? metrics({ ...options.metrics, circuits, egress }) : undefined;
      this.metrics?.add(socketFamilies(() => sockets.counts()));
      this.tracing = options.tracing ? tracing(options.tracing) : undefined;
      this.stats =
        options.stats === false
          ? undefined
          : stats({
              maxApis: Math.max(apis.length, MAX_APIS),
              ...options.stats,
              apis,
              ...(redis ? { redis } : {}),
            });
    } catch (error) {
      // As where the application's registry has metrics of these names.
      this.close().catch(() => {});
      throw error;
    }
  }

  get redis(): RedisClient | undefined {
    return this.#redis?.client;
  }

  /** Closes all of them, and then the connection, whatever fails. */
  async close(): Promise<void> {
    this.metrics?.close();
    try {
      await this.stats?.close();
    } finally {
      if (this.#redis?.own) await closeClient(this.#redis.client);
    }
  }
}
