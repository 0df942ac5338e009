import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { CircuitRegistry } from './circuit-registry.js';
import type { CircuitConfig } from './circuit-snapshot.js';

/** Options of `breaker()`. */
export interface BreakerOptions {
  /**
   * Name of the API in events, snapshots and the registry. Unique within a registry.
   * @default 'default'
   */
  name?: string;
  /**
   * Failed attempts in a row that open the circuit. A status of 500 or above, a timeout and a connection that cannot
   * be made or breaks are failures; a client that leaves or an egress proxy that fails is not. Calls through an open
   * circuit are 503 ERR_CIRCUIT_OPEN.
   * @default 5
   */
  failureThreshold?: number;
  /**
   * How long an open circuit refuses calls before it lets probes through.
   * @default 30000
   */
  resetTimeoutMs?: number;
  /**
   * Time limit for the target of `forward()`, from the last byte of the request to the response's headers. Exceeding it
   * is a failure and 504 ERR_UPSTREAM_TIMEOUT. Raise it for an API that is known to be slow. The smaller one of this and
   * the API's own `requestTimeoutMs` holds. Other handlers are not stopped.
   * @default 10000, or the API's `requestTimeoutMs`
   */
  requestTimeoutMs?: number;
  /**
   * Probes that must succeed before the circuit closes; one that fails opens it again.
   * @default 2
   */
  successThreshold?: number;
  /**
   * Most probes at the same time; other calls are refused meanwhile.
   * @default the value of `successThreshold`
   */
  maxProbes?: number;
  /**
   * A probe that takes longer makes room for another; its outcome no longer counts.
   * @default twice `requestTimeoutMs`
   */
  probeTimeoutMs?: number;
  /**
   * Share of failed attempts within `windowMs` that opens the circuit, from `minimumRequests` attempts on. `false`
   * leaves `failureThreshold` alone.
   * @default 0.5
   */
  failureRatio?: number | false;
  /**
   * Attempts within `windowMs` that are needed before `failureRatio` counts.
   * @default 20
   */
  minimumRequests?: number;
  /**
   * Length of the rolling window of `failureRatio`; it moves in tenths.
   * @default 10000
   */
  windowMs?: number;
  /**
   * Counts status 429 as a failure. Usually `rateLimit` handles those.
   * @default false
   */
  countRateLimited?: boolean;
  /**
   * Gives each call a circuit of its own, by tenant or host for instance; `undefined` is the circuit of the API. The
   * key appears in events and status, so it must not be a secret. What the function throws fails the call.
   */
  key?(req: IncomingMessage): string | undefined;
  /**
   * Most circuits where there is a `key`. Beyond it the closed circuit that was unused for longest is forgotten, and
   * an open one only when none is closed.
   * @default 1000
   */
  maxCircuits?: number;
  /**
   * Lists the circuits of several breakers together.
   * @default a registry of its own
   */
  registry?: CircuitRegistry;
}

/** The options that a configuration file can hold for one API, whose name is the circuit's. */
export const breakerFileShape = {
  failureThreshold: count.default(5),
  resetTimeoutMs: durationMs.default(30_000),
  requestTimeoutMs: durationMs.default(10_000),
  successThreshold: count.default(2),
  maxProbes: count.optional(),
  probeTimeoutMs: durationMs.optional(),
  failureRatio: z.number().gt(0).max(1).or(z.literal(false)).default(0.5),
  minimumRequests: count.default(20),
  windowMs: durationMs.default(10_000),
  countRateLimited: z.boolean().default(false),
};

/** What `breaker()` may be given. */
export const breakerSchema = optionsObject({
  ...breakerFileShape,
  name: z.string().min(1).default('default'),
  key: functionOption<NonNullable<BreakerOptions['key']>>().optional(),
  maxCircuits: count.default(1000),
  registry: z
    .custom<CircuitRegistry>((value) => value instanceof CircuitRegistry, 'must be a CircuitRegistry')
    .optional(),
});

/** {@link BreakerOptions} with every default filled in. */
export interface ResolvedBreaker {
  readonly name: string;
  readonly key: BreakerOptions['key'];
  readonly maxCircuits: number;
  readonly registry: CircuitRegistry;
  readonly config: CircuitConfig;
}

/**
 * Options with every default filled in, frozen.
 * @throws InvalidOptionError
 */
export function resolveBreaker(options: BreakerOptions): ResolvedBreaker {
  const { name, key, maxCircuits, registry, ...limits } = resolveOptions(breakerSchema, options, 'breaker');
  const config: CircuitConfig = Object.freeze({
    ...limits,
    maxProbes: limits.maxProbes ?? limits.successThreshold,
    probeTimeoutMs: limits.probeTimeoutMs ?? limits.requestTimeoutMs * 2,
  });
  return Object.freeze({ name, key, maxCircuits, registry: registry ?? new CircuitRegistry(), config });
}
