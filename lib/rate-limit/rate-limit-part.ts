import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { realTime } from '../core/time.js';
import { forwardedFacts, injectsCredential } from '../http/credential-digest.js';
import { forwardedHeaders } from '../http/forwarded-headers.js';
import { MachineCells } from './gate/machine-cells.js';
import { type RateLimitHandler, rateLimit } from './rate-limit.js';
import {
  type RateLimitOptions,
  rateLimitFileShape,
  rateLimitSchema,
  resolveRateLimit,
} from './rate-limit-options.js';

/** The block `rateLimit` of an API, whose name is the limit's. Redis is that of all APIs. */
type RateLimitBlock = Omit<RateLimitOptions, 'name' | 'redis'>;

export const rateLimitPart: Part<'rateLimit', RateLimitBlock, RateLimitHandler, MachineCells | undefined> = {
  name: 'rateLimit',
  options: {
    schema: without(rateLimitSchema, ['name', 'redis']),
    file: rateLimitFileShape,
    preset: false,
    check: (options, place) => void resolveRateLimit(options, place),
  },
  share: (redis, _options, _limits, machine) => (machine && !redis ? new MachineCells(machine) : undefined),
  madeFrom: ({ forward }) => forwardedFacts(forward),
  reset: (handler) => handler.reset(),
  make: (options, { name, forward, redis, machine }, cells) =>
    rateLimit(
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
    ),
};
