export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { RedisConnection } from '../redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from '../redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from '../redis/settings.js';
export { type ConcurrencyHandler, type ConcurrencySite, concurrency } from './concurrency.js';
export type { ConcurrencyEvents, ConcurrencyName } from './concurrency-events.js';
export type { ConcurrencyOptions } from './concurrency-options.js';
export type { ConcurrencyStatus } from './concurrency-status.js';
