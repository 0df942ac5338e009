import type { CircuitSnapshot } from '../breaker/circuit-snapshot.js';
import { CallsInProgress } from '../core/calls-in-progress.js';
import type { EgressStatus } from '../core/egress-status.js';
import type { Machine } from '../core/machine.js';
import { realTime } from '../core/time.js';
import { type MetricsHandler, metrics } from '../metrics/metrics.js';
import { metricsOfAll } from '../metrics/metrics-of-all.js';
import { socketFamilies } from '../metrics/socket-families.js';
import { otlpFamilies } from '../otlp/families.js';
import type { OtlpView } from '../otlp/otlp-health.js';
import { closeClient, type OpenedRedis, openRedis } from '../redis/client.js';
import { redisFamilies } from '../redis/families.js';
import { Presence } from '../redis/presence.js';
import { usesOf } from '../redis/settings.js';
import { SharedRedis } from '../redis/shared-redis.js';
import { sloFamilies } from '../stats/slo/slo-families.js';
import { type StatsHandler, stats } from '../stats/stats.js';
import { type TracingHandler, tracing } from '../tracing/tracing.js';
import type { OpenSockets } from '../websocket/open-sockets.js';
import type { ResolvedShared } from './shared-options.js';

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
  /** The other processes of the gateway, if there are any. */
  readonly machine: Machine | undefined;
}

/** The parts that serve every API of one factory, and the one connection to Redis that they share. */
export class SharedParts {
  readonly stats: StatsHandler | undefined;
  readonly metrics: MetricsHandler | undefined;
  readonly tracing: TracingHandler | undefined;
  readonly redis: SharedRedis | undefined;
  /** What is sent by OTLP. */
  readonly otlp: readonly OtlpView[] = [];
  readonly #opened: OpenedRedis | undefined;
  readonly #presence: Presence | undefined;

  constructor(options: ResolvedShared, { apis, circuits, sockets, egress, machine }: SharedSources) {
    this.#opened = options.redis === undefined ? undefined : openRedis(options.redis);
    const redis = this.#opened && new SharedRedis(this.#opened, usesOf(options.redis));
    this.redis = redis;
    this.#presence = redis && new Presence(redis, !machine?.primary);
    const calls = new CallsInProgress();
    try {
      // What workers count is sent by the primary.
      const alone = machine === undefined || machine.primary ? {} : { otlp: undefined };
      const counted = options.metrics
        ? metrics({ ...options.metrics, ...alone, circuits, egress }, calls)
        : undefined;
      this.metrics = counted && machine ? metricsOfAll(counted, machine) : counted;
      this.metrics?.configure(apis);
      this.metrics?.add(socketFamilies(() => sockets.counts()));
      this.tracing = options.tracing ? tracing(options.tracing) : undefined;
      this.otlp = [this.tracing?.otlp, this.metrics?.otlp].filter((view) => view !== undefined);
      this.metrics?.add(otlpFamilies(this.otlp));
      this.stats =
        options.stats === false
          ? undefined
          : stats(
              {
                maxApis: Math.max(apis.length, MAX_APIS),
                ...options.stats,
                apis,
                ...(redis ? { redis, prefix: `${redis.prefix}:` } : {}),
              },
              realTime,
              machine,
              calls,
            );
      this.metrics?.add(sloFamilies(() => this.stats?.objectives() ?? []));
      if (redis) this.metrics?.add(redisFamilies(redis.health, this.stats));
    } catch (error) {
      // As where the application's registry has metrics of these names.
      this.close().catch(() => {});
      throw error;
    }
  }

  /** Closes all of them, and then the connection, whatever fails. */
  async close(): Promise<void> {
    const sent = Promise.all([this.tracing?.close(), this.metrics?.flush()]);
    if (this.otlp.length > 0) await sent;
    this.metrics?.close();
    this.redis?.leave();
    try {
      await Promise.all([this.stats?.close(), this.#presence?.close()]);
    } finally {
      this.redis?.close();
      if (this.#opened?.own) await closeClient(this.#opened.client);
    }
  }
}
