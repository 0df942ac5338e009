import type { OtlpStatus } from '../otlp/otlp-health.js';
import type { RedisStatus } from '../redis/health.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { ConfigHealth, ConfigStatus } from './config-status.js';
import type { GatewayStatus } from './gateway-status.js';
import type { LogSource } from './log-status.js';
import type { LogStatus } from './log-stream.js';
import { problemsOf } from './problems.js';

/** Body of `/health`, for everybody. */
export interface Health {
  readonly status: 'ok' | 'shutting_down';
}

/** The circuit of one API, in short. */
export interface ApiHealth {
  /** `null` where its breaker is off. */
  readonly state: string | null;
  /** Whose state it is: that of all processes with this Redis, of those of this gateway, or of this one alone. */
  readonly scope: 'fleet' | 'machine' | 'process' | null;
  readonly failures: number;
  readonly lastFailure: string | null;
  readonly timeToResetMs: number | null;
}

/** Body of `/health?verbose=1`, for operators. */
export interface VerboseHealth extends Health {
  readonly version: string;
  /** Milliseconds since the gateway was built. */
  readonly uptimeMs: number;
  /** Processes that serve, as far as they are seen: those with the same Redis and prefix, or those of this gateway. */
  readonly processes: number;
  readonly apis: Readonly<Record<string, ApiHealth>>;
  /** What is wrong now, as sentences. */
  readonly problems: readonly string[];
  /** Options in the configuration that have no effect. */
  readonly warnings: readonly string[];
  /** How reloads of the configuration went. */
  readonly config: ConfigHealth;
  /** How the writing of the log goes, where this gateway writes it. */
  readonly log?: LogStatus;
  /** How the connection to Redis is, if there is one. */
  readonly redis?: RedisReport;
  /** How the sending of spans and metrics by OTLP goes, if there is any. */
  readonly otlp?: readonly OtlpStatus[];
}

/** How the connection to Redis is, and what waits for it. */
export interface RedisReport extends RedisStatus {
  /** Calls whose figures are not in Redis yet. */
  readonly unsentCalls: number;
}

/** What a health report reads. */
export interface HealthSources {
  readonly proxy: ResilientProxy;
  readonly version: string;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly config: ConfigStatus;
  readonly log?: LogSource | undefined;
  readonly status: Pick<GatewayStatus, 'processes' | 'readEgress' | 'troubles'>;
  warnings(): readonly string[];
  /** What is wrong with other processes of the gateway. */
  machineProblems(): readonly string[];
}

/** Adds the state of every API to the plain report. */
export async function verboseHealth(
  health: Health,
  { proxy, version, startedAt, config, log, warnings, status, machineProblems }: HealthSources,
): Promise<VerboseHealth> {
  const [responding, egress, troubles] = await Promise.all([
    status.processes(),
    status.readEgress(),
    status.troubles(),
  ]);
  const redis = proxy.redis?.status();
  const list = proxy.circuits.list();
  const circuits = new Map(list.map((snapshot) => [snapshot.circuit, snapshot]));
  const facts = {
    ...{ config: config.health(), circuits: list, egress, troubles, redis, log: log?.status() },
    otlp: proxy.otlp.map((view) => view.status()),
    machine: machineProblems(),
  };
  const apis = [...proxy.apis.keys()].map((name): [string, ApiHealth] => {
    const {
      state = null,
      scope,
      failures = 0,
      lastFailure = null,
      timeToResetMs = null,
    } = circuits.get(name) ?? {};
    const shown = scope === 'fleet' && !redis ? 'machine' : (scope ?? null);
    return [name, { state, scope: shown, failures, lastFailure, timeToResetMs }];
  });
  return {
    ...health,
    version,
    uptimeMs: Math.floor(performance.now() - startedAt),
    processes: Math.max(responding, redis?.processes ?? 1),
    apis: Object.fromEntries(apis),
    problems: problemsOf(facts),
    warnings: warnings(),
    config: facts.config,
    ...(facts.log && { log: facts.log }),
    ...(facts.otlp.length > 0 && { otlp: facts.otlp }),
    ...(redis && { redis: { ...redis, unsentCalls: proxy.stats?.health().unsent ?? 0 } }),
  };
}
