import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import { invalidOption } from '../core/errors.js';
import { count, durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { type FailurePredicate, failureRules, failureRulesInCode } from '../http/failure-rules.js';
import type { FailureWhen } from '../http/failure-when.js';
import { CircuitRegistry } from './circuit-registry.js';
import type { CircuitConfig } from './circuit-snapshot.js';
import { FAILURE_STATUSES, failureStatuses } from './failure-statuses.js';
import type { CircuitStore } from './store/store.js';

/** Options of `breaker()`. */
export interface BreakerOptions {
  /**
   * Name of the API in events, snapshots and the registry. Unique within a registry.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Failed attempts in a row that open the circuit. Only the target's failures count: a status in `failureStatuses`, a
   * timeout, and a connection that cannot be made or breaks. What a client, an egress proxy or this process causes does
   * not. Calls through an open circuit are 503 ERR_CIRCUIT_OPEN.
   * @default 5
   */
  failureThreshold?: number | undefined;
  /**
   * Statuses that are failures: numbers from 400 to 599, and ranges such as `'502-504'`. The default is every 5xx but
   * 501, 505 and 511, which do not mean that the target is unwell. Change it for an API that reports outages by other
   * statuses, or answers 500 to mistakes of its clients.
   * @default [500, '502-504', '506-510', '512-599']
   */
  failureStatuses?: readonly (number | string)[] | undefined;
  /**
   * What a body says where the response is a failure of the target although its status is none, as
   * `{ json: '/errors' }` of GraphQL or `{ json: '/ok', equals: false }`. In code a rule may be a function; of several
   * each one counts. The response is passed on once its body has been seen; streams and bodies beyond 64 KiB are not looked
   * at, and not held. For `forward()` alone.
   * @default none
   */
  failureWhen?: FailureWhen | FailurePredicate | readonly (FailureWhen | FailurePredicate)[] | undefined;
  /**
   * How long an open circuit refuses calls before it lets probes through.
   * @default 30000
   */
  resetTimeoutMs?: number | undefined;
  /**
   * Each time that the probes fail, the circuit stays open this many times as long as before; `1` keeps the time equal.
   * Raise it for an API whose outages last, so that it is probed less and less.
   * @default 1
   */
  backoffFactor?: number | undefined;
  /**
   * Longest time that a circuit stays open where `backoffFactor` is above 1. Below `resetTimeoutMs` it is an
   * InvalidOptionError.
   * @default 300000, or `resetTimeoutMs` where that is longer
   */
  maxResetTimeoutMs?: number | undefined;
  /**
   * Time limit for the target of `forward()`, from the last byte of the request to the response's headers. Exceeding it
   * is a failure and 504 ERR_UPSTREAM_TIMEOUT. Raise it for an API that is known to be slow. If the API has a
   * `requestTimeoutMs` of its own, the smaller one of the two holds, and the default of this one does not. Other handlers
   * are not stopped.
   * @default 10000
   */
  requestTimeoutMs?: number | undefined;
  /**
   * Probes that must succeed before the circuit closes; one that fails opens it again.
   * @default 2
   */
  successThreshold?: number | undefined;
  /**
   * Most probes at the same time; other calls are refused meanwhile.
   * @default the value of `successThreshold`
   */
  maxProbes?: number | undefined;
  /**
   * A probe that takes longer makes room for another; its outcome no longer counts.
   * @default twice `requestTimeoutMs`
   */
  probeTimeoutMs?: number | undefined;
  /**
   * Share of failed attempts within `windowMs` that opens the circuit, from `minimumRequests` attempts on. `false`
   * leaves `failureThreshold` alone.
   * @default 0.5
   */
  failureRatio?: number | false | undefined;
  /**
   * Attempts within `windowMs` that are needed before `failureRatio` counts.
   * @default 20
   */
  minimumRequests?: number | undefined;
  /**
   * Length of the rolling window of `failureRatio`; it moves in tenths.
   * @default 10000
   */
  windowMs?: number | undefined;
  /**
   * From this time on a call is slow: measured from the last byte of the request to the headers of the response, or to
   * its end for other handlers than `forward()`. A client that stops waiting after it leaves a slow call too. `false`
   * does not look at times. Set it for an API whose slowness does as much harm as its failures.
   * @default false
   */
  slowCallMs?: number | false | undefined;
  /**
   * Share of slow calls within `windowMs` that opens the circuit, from `minimumRequests` calls on; needs `slowCallMs`.
   * @default 0.5
   */
  slowCallRatio?: number | undefined;
  /**
   * Counts status 429 as a failure. Usually `rateLimit` handles those.
   * @default false
   */
  countRateLimited?: boolean | undefined;
  /**
   * Whose the circuits are. With `fleet` all processes that share a Redis open and close them together: failures of
   * all of them count, one process at a time probes, and `forceOpen()` is for all. Without Redis each process goes on by
   * itself. With `process` each process finds out by itself that an API fails.
   * @default with `redis` it is `'fleet'`, without `'process'`
   */
  scope?: 'fleet' | 'process' | undefined;
  /**
   * Processes that must see failures before a circuit opens for all. Below it a process opens its own circuit only: 2
   * keeps one with a bad network from stopping the others. With 1 each process decides for all; raise it for many
   * processes, of which several may share a bad network.
   * @default 2
   */
  quorum?: number | undefined;
  /**
   * Keeps the state of the circuits for all processes: `redisCircuits({ redis })`. In `resilientProxy()` it is that of
   * `redis`.
   * @default none: the circuits are this process's
   */
  store?: CircuitStore | undefined;
  /**
   * Gives each call a circuit of its own, by tenant or host for instance; `undefined` is the circuit of the API. The
   * key appears in events and status, so it must not be a secret. What the function throws fails the
   * call, and so does a promise.
   */
  key?: Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Most circuits where there is a `key`. Beyond it the closed circuit that was unused for longest is forgotten, and
   * an open one only when none is closed.
   * @default 1000
   */
  maxCircuits?: number | undefined;
  /**
   * Lists the circuits of several breakers together.
   * @default a registry of its own
   */
  registry?: CircuitRegistry | undefined;
}

/** The options that a configuration file can hold for one API, whose name is the circuit's. */
export const breakerFileShape = {
  failureThreshold: count.default(5),
  failureStatuses: failureStatuses.default(FAILURE_STATUSES),
  failureWhen: failureRules,
  resetTimeoutMs: durationMs.default(30_000),
  backoffFactor: z.number().min(1).max(100).default(1),
  maxResetTimeoutMs: durationMs.optional(),
  requestTimeoutMs: durationMs.default(10_000),
  successThreshold: count.default(2),
  maxProbes: count.optional(),
  probeTimeoutMs: durationMs.optional(),
  failureRatio: z.number().gt(0).max(1).or(z.literal(false)).default(0.5),
  minimumRequests: count.default(20),
  windowMs: durationMs.default(10_000),
  slowCallMs: z
    .union([durationMs, z.literal(false)], { error: 'must be a number of milliseconds, or false' })
    .default(false),
  slowCallRatio: z.number().gt(0).max(1).default(0.5),
  countRateLimited: z.boolean().default(false),
  scope: z.enum(['fleet', 'process']).optional(),
  quorum: count.default(2),
};

/** What `breaker()` may be given. */
export const breakerSchema = optionsObject({
  ...breakerFileShape,
  failureWhen: failureRulesInCode,
  name: z.string().min(1).default('default'),
  key: functionOption<NonNullable<BreakerOptions['key']>>().optional(),
  maxCircuits: count.default(1000),
  store: z
    .custom<CircuitStore>(
      (value) => typeof value === 'object' && value !== null && 'join' in value,
      'must be a store of circuits',
    )
    .optional(),
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
  /** `undefined` where circuits are this process's. */
  readonly store: CircuitStore | undefined;
  readonly config: CircuitConfig;
}

/**
 * Options with every default filled in, frozen.
 * @param shared whether there is a store, though the options do not hold it
 * @throws InvalidOptionError
 */
export function resolveBreaker(options: BreakerOptions, place = 'breaker', shared = false): ResolvedBreaker {
  const given = resolveOptions(breakerSchema, options, place);
  const { name, key, maxCircuits, registry, scope, store, ...limits } = given;
  if (scope === 'fleet' && !store && !shared)
    throw invalidOption(`${place}.scope`, "must be 'process' where there is no Redis", scope);
  const { resetTimeoutMs, maxResetTimeoutMs = Math.max(300_000, resetTimeoutMs) } = limits;
  if (maxResetTimeoutMs < resetTimeoutMs) {
    const rule = `must be at least resetTimeoutMs, which is ${resetTimeoutMs}`;
    throw invalidOption(`${place}.maxResetTimeoutMs`, rule, maxResetTimeoutMs);
  }
  if (options.slowCallRatio !== undefined && limits.slowCallMs === false) {
    throw invalidOption(`${place}.slowCallRatio`, 'needs slowCallMs', options.slowCallRatio);
  }
  const used = scope === 'process' ? undefined : store;
  const config: CircuitConfig = Object.freeze({
    ...limits,
    scope: used ? 'fleet' : 'process',
    maxResetTimeoutMs,
    maxProbes: limits.maxProbes ?? limits.successThreshold,
    probeTimeoutMs: limits.probeTimeoutMs ?? limits.requestTimeoutMs * 2,
  });
  return Object.freeze({
    name,
    key,
    maxCircuits,
    registry: registry ?? new CircuitRegistry(),
    store: used,
    config,
  });
}
