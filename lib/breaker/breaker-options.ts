import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { CircuitRegistry } from './circuit-registry.js';
import type { CircuitConfig } from './circuit-snapshot.js';

/** Options of `breaker()`. */
export interface BreakerOptions {
  /**
   * Names the circuit in events, snapshots and the registry: usually the API's name. Once per registry.
   * @default 'default'
   */
  name?: string;
  /**
   * Failed attempts in a row that open the circuit. A failure is a status of 500 or above, a timeout, or a
   * connection that cannot be made or breaks; a client that leaves and an egress proxy that fails are none.
   * @default 5
   */
  failureThreshold?: number;
  /**
   * How long an open circuit refuses calls before it lets probes through.
   * @default 30000
   */
  resetTimeoutMs?: number;
  /**
   * Bound on ONE attempt of `forward()` over queue, connect, TLS, upload and head; passing it is a failure.
   * Another handler is not stopped: it keeps its own limits.
   * @default 10000
   */
  requestTimeoutMs?: number;
  /**
   * Probes that must succeed before a half-open circuit closes; one that fails opens it again.
   * @default 2
   */
  successThreshold?: number;
  /**
   * Probes that may be under way at the same time while the circuit is half open; other calls are refused.
   * @default successThreshold
   */
  maxProbes?: number;
  /**
   * After this time a probe that has not ended gives its slot to the next call that wants one; what comes
   * of it later is not counted.
   * @default requestTimeoutMs * 2
   */
  probeTimeoutMs?: number;
  /**
   * Share of attempts in the window that must fail before the circuit opens. Not looked at until
   * `minimumRequests` attempts were seen, and then at each failure. `false` leaves only `failureThreshold`.
   * @default 0.5
   */
  failureRatio?: number | false;
  /**
   * Attempts the window must hold before `failureRatio` is looked at.
   * @default 20
   */
  minimumRequests?: number;
  /**
   * Length of the rolling window of `failureRatio`; it moves on in tenths.
   * @default 10000
   */
  windowMs?: number;
  /**
   * Whether a response of 429 is a failure. It is a sign of life, and the rate limit learns from it.
   * @default false
   */
  countRateLimited?: boolean;
  /**
   * Gives each call its circuit: by tenant or host, for instance. `undefined` is the circuit of `name`. The
   * key appears in events and in the registry, so let it be no secret.
   */
  key?(req: IncomingMessage): string | undefined;
  /**
   * Circuits kept at most where there is a `key`. Beyond it the closed one that was unused for longest is
   * forgotten; an open one only where none is closed.
   * @default 1000
   */
  maxCircuits?: number;
  /** Lists the circuits of several breakers together; one of its own by default. */
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
