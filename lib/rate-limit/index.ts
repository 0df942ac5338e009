export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { RedisConnection } from '../redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from '../redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from '../redis/settings.js';
export { type RateLimitHandler, rateLimit } from './rate-limit.js';
export type { LimitName, RateLimitEvents } from './rate-limit-events.js';
export type { RateLimitOptions } from './rate-limit-options.js';
