import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { realTime } from '../core/time.js';
import { forwardedHeaders } from '../http/forwarded-headers.js';
import { forwardedFacts } from './gate/credential.js';
import { type RateLimitHandler, rateLimit } from './rate-limit.js';
import {
  type RateLimitOptions,
  rateLimitFileShape,
  rateLimitSchema,
  resolveRateLimit,
} from './rate-limit-options.js';

/** The block `rateLimit` of an API, whose name is the limit's. Redis is that of all APIs. */
type RateLimitBlock = Omit<RateLimitOptions, 'name' | 'redis'>;

export const rateLimitPart: Part<'rateLimit', RateLimitBlock, RateLimitHandler, undefined> = {
  name: 'rateLimit',
  options: {
    schema: without(rateLimitSchema, ['name', 'redis']),
    file: rateLimitFileShape,
    preset: false,
    check: (options, place) => void resolveRateLimit(options, place),
  },
  madeFrom: ({ forward }) => forwardedFacts(forward),
  make: (options, { name, forward, redis }) =>
    rateLimit({ ...options, name, redis }, realTime, forwardedHeaders(forward)),
};
