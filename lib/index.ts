export type { ApiOptions, ManyApisConfig, ResilientProxyConfig, SingleApiConfig } from './api-options.js';
export { type BreakerHandler, breaker } from './breaker/breaker.js';
export type { BreakerEvents } from './breaker/breaker-events.js';
export type { BreakerOptions } from './breaker/breaker-options.js';
export type { Circuit } from './breaker/circuit.js';
export { CircuitRegistry } from './breaker/circuit-registry.js';
export type {
  CircuitConfig,
  CircuitSnapshot,
  CircuitTransition,
} from './breaker/circuit-snapshot.js';
export type { CircuitStateName, TransitionReason } from './breaker/circuit-state.js';
export { type CacheCounts, type CacheHandler, type CachePurge, cache } from './cache/cache.js';
export type { CacheSite } from './cache/cache-context.js';
export type { CacheOptions } from './cache/cache-options.js';
export type { CacheStore, Lease, PurgeTarget, StoreCounts, StoredUnder } from './cache/cache-store.js';
export type { EntryMeta, StoredVariant } from './cache/entry.js';
export { MemoryStore, type MemoryStoreOptions } from './cache/memory-store.js';
export { type RedisStore, redisStore, type SharedCacheStore } from './cache/redis-store.js';
export type { RedisStoreOptions } from './cache/redis-store-options.js';
export { type NearStore, type TwoLevelStoreOptions, twoLevelStore } from './cache/two-level-store.js';
export { ConfigError, type ConfigProblem } from './config/config-error.js';
export { type LoadedConfig, type LoadOptions, loadConfig, parseConfig } from './config/load-config.js';
export type { Pending, PendingBlocks } from './config/pending.js';
export type { GatewaySettings } from './config/schema.js';
export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from './errors.js';
export {
  type Attempt,
  type AttemptOutcome,
  type CacheVerdict,
  type DetachedRequest,
  detach,
  type Egress,
  type EgressPolicy,
  Exchange,
  exchangeOf,
  type Guard,
  type Handler,
  type ResponseHead,
  type RetryClass,
  type RetryContext,
  type RetryPolicy,
} from './exchange.js';
export { type Api, type ResilientProxy, resilientProxy } from './resilient-proxy.js';
export { type RetryEvents, type RetryHandler, retry } from './retry/retry.js';
export type { RetryOptions } from './retry/retry-options.js';
export { type ForwardHandler, forward, resiliencePlugin } from './upstream/forward.js';
export type { ForwardOptions, TransportOptions } from './upstream/forward-options.js';
