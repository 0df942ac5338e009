import type { Machine } from '../core/machine.js';
import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { Successors } from '../core/successors.js';
import { targetDigest } from '../core/target-digest.js';
import { realTime } from '../core/time.js';
import { forwardedFacts, injectsCredential } from '../http/credential-digest.js';
import { forwardedHeaders } from '../http/forwarded-headers.js';
import { MachineCells } from './gate/machine-cells.js';
import type { Limiter } from './quota/limiter.js';
import { openRateLimit, type RateLimitHandler } from './rate-limit.js';
import {
  type RateLimitOptions,
  rateLimitFileShape,
  rateLimitSchema,
  resolveRateLimit,
} from './rate-limit-options.js';

/** The block `rateLimit` of an API, whose name is the limit's. Redis is that of all APIs. */
type RateLimitBlock = Omit<RateLimitOptions, 'name' | 'redis'>;

/** The limits of each API. Those after an update count on from those before it, for the same target. */
class Limits extends Successors<Limiter> {
  readonly cells: MachineCells | undefined;

  constructor(machine: Machine | undefined) {
    super((next, known, sameTarget) => next.succeed(known, sameTarget));
    this.cells = machine && new MachineCells(machine);
  }

  close(): void {
    this.cells?.close();
  }
}

export const rateLimitPart: Part<'rateLimit', RateLimitBlock, RateLimitHandler, Limits> = {
  name: 'rateLimit',
  options: {
    schema: without(rateLimitSchema, ['name', 'redis']),
    file: rateLimitFileShape,
    preset: false,
    check: (options, place) => void resolveRateLimit(options, place),
  },
  share: (redis, _options, _limits, machine) => new Limits(redis ? undefined : machine),
  madeFrom: ({ forward }) => forwardedFacts(forward),
  reset: (handler) => handler.reset(),
  make(options, { name, forward, redis, machine }, limits) {
    const { cells } = limits;
    const { handler, limiter } = openRateLimit(
      {
        ...options,
        prefix: options.prefix ?? redis?.prefix,
        commandTimeoutMs: options.commandTimeoutMs ?? redis?.commandTimeoutMs,
        sharedLimit: options.sharedLimit ?? injectsCredential(forward),
        name,
        redis,
      },
      realTime,
      forwardedHeaders(forward),
      machine && cells && { machine, cells },
    );
    limits.enter(name, limiter, targetDigest(forward));
    return handler;
  },
  unlist: (api, limits) => limits.leave(api),
};
