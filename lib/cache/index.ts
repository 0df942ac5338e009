export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { RedisConnection } from '../redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from '../redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from '../redis/settings.js';
export { type CacheCounts, type CacheHandler, cache } from './cache.js';
export type { CacheSite } from './cache-context.js';
export type { CacheOptions, StoreCandidate } from './cache-options.js';
export type { RawHeaders } from './policy/headers.js';
export type { KeyRequest } from './policy/key.js';
export type { NotStoredReason } from './policy/storable.js';
export type { CachePurge } from './purge-target.js';
export type { EntryMeta, StoredVariant } from './store/entry.js';
export { type BudgetMember, MemoryBudget } from './store/memory-budget.js';
export { MemoryStore, type MemoryStoreOptions } from './store/memory-store.js';
export type { RedisStoreOptions } from './store/redis/options.js';
export {
  type RedisStore,
  type RedisStoreHealth,
  redisStore,
  type SharedCacheStore,
} from './store/redis/store.js';
export type { CacheStore, Lease, PurgeTarget, StoreCounts, StoredUnder } from './store/store.js';
export { type NearStore, type TwoLevelStoreOptions, twoLevelStore } from './store/two-level-store.js';
