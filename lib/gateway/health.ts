import type { ResilientProxy } from '../resilient-proxy.js';
import type { ConfigHealth, ConfigStatus } from './config-status.js';

/** Body of `/health`, for everybody. */
export interface Health {
  readonly status: 'ok' | 'shutting_down';
}

/** The circuit of one API, in short. */
export interface ApiHealth {
  /** `null` where its breaker is off. */
  readonly state: string | null;
  readonly failures: number;
  readonly lastFailure: string | null;
  readonly timeToResetMs: number | null;
}

/** Body of `/health?verbose=1`, for operators. */
export interface VerboseHealth extends Health {
  readonly version: string;
  /** Milliseconds since the gateway was built. */
  readonly uptimeMs: number;
  readonly apis: Readonly<Record<string, ApiHealth>>;
  /** Options in the configuration that have no effect. */
  readonly warnings: readonly string[];
  /** How reloads of the configuration went. */
  readonly config: ConfigHealth;
}

/** What a health report reads. */
export interface HealthSources {
  readonly proxy: ResilientProxy;
  readonly version: string;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly config: ConfigStatus;
  warnings(): readonly string[];
}

/** Adds the state of every API to the plain report. */
export function verboseHealth(
  health: Health,
  { proxy, version, startedAt, config, warnings }: HealthSources,
): VerboseHealth {
  const circuits = new Map(proxy.circuits.list().map((snapshot) => [snapshot.circuit, snapshot]));
  const apis = [...proxy.apis.keys()].map((name): [string, ApiHealth] => {
    const { state = null, failures = 0, lastFailure = null, timeToResetMs = null } = circuits.get(name) ?? {};
    return [name, { state, failures, lastFailure, timeToResetMs }];
  });
  return {
    ...health,
    version,
    uptimeMs: Math.floor(performance.now() - startedAt),
    apis: Object.fromEntries(apis),
    warnings: warnings(),
    config: config.health(),
  };
}
