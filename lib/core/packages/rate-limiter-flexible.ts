import type * as types from 'rate-limiter-flexible';
// Not the index, which loads limiters for a dozen other databases.
// @ts-expect-error rate-limiter-flexible ships types for its index alone.
import memory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
// @ts-expect-error
import redis from 'rate-limiter-flexible/lib/RateLimiterRedis.js';
// @ts-expect-error
import result from 'rate-limiter-flexible/lib/RateLimiterRes.js';

// rate-limiter-flexible is loaded once there is a quota.
export const rateLimiterMemory = (): typeof types.RateLimiterMemory => memory;
export const rateLimiterRedis = (): typeof types.RateLimiterRedis => redis;
export const rateLimiterRes = (): typeof types.RateLimiterRes => result;
