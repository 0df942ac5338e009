export {
  type BreakerDashboardOptions,
  type BreakerDashboardSource,
  breakerDashboard,
  type CircuitAction,
  type CircuitControl,
  type Dashboard,
  type DashboardLink,
  type DashboardOptions,
  statsDashboard,
} from '../dashboards/index.js';
export type { ApisOf, NamedApis } from './apis/named-apis.js';
export type { ApiOptions, ManyApisConfig, ResilientProxyConfig, SingleApiConfig } from './apis/options.js';
export type { PartBlocks, PartHandlers } from './apis/part-list.js';
export type { SharedOptions } from './apis/shared-options.js';
export type { OwnStage, StageName } from './apis/stages.js';
export { type BreakerHandler, breaker } from './breaker/breaker.js';
export type { BreakerEvents } from './breaker/breaker-events.js';
export type { BreakerOptions } from './breaker/breaker-options.js';
export type { Circuit } from './breaker/circuit.js';
export { CircuitRegistry } from './breaker/circuit-registry.js';
export type {
  CircuitConfig,
  CircuitName,
  CircuitSnapshot,
  CircuitTransition,
  NotCounted,
} from './breaker/circuit-snapshot.js';
export type { CircuitStateName, TransitionReason } from './breaker/circuit-state.js';
export {
  type CircuitStatus,
  type CircuitStatusConfig,
  type CircuitStatusEntry,
  circuitStatus,
} from './breaker/circuit-status.js';
export type { FailureCause, FailureCauses } from './breaker/failure-causes.js';
export { type RedisCircuitsOptions, redisCircuits } from './breaker/store/redis/store.js';
export type {
  CircuitMember,
  CircuitReport,
  CircuitShare,
  CircuitStore,
  ForcedAction,
  OwnTrip,
  ProbeResult,
  SharedState,
} from './breaker/store/store.js';
export { type CacheCounts, type CacheHandler, cache } from './cache/cache.js';
export type { CacheSite } from './cache/cache-context.js';
export type { CacheOptions, StoreCandidate } from './cache/cache-options.js';
export type { RawHeaders } from './cache/policy/headers.js';
export type { KeyRequest } from './cache/policy/key.js';
export type { NotStoredReason } from './cache/policy/storable.js';
export type { CachePurge } from './cache/purge-target.js';
export type { EntryMeta, StoredVariant } from './cache/store/entry.js';
export { type BudgetMember, MemoryBudget } from './cache/store/memory-budget.js';
export { MemoryStore, type MemoryStoreOptions } from './cache/store/memory-store.js';
export type { RedisStoreOptions } from './cache/store/redis/options.js';
export {
  type RedisStore,
  type RedisStoreHealth,
  redisStore,
  type SharedCacheStore,
} from './cache/store/redis/store.js';
export type { CacheStore, Lease, PurgeTarget, StoreCounts, StoredUnder } from './cache/store/store.js';
export { type NearStore, type TwoLevelStoreOptions, twoLevelStore } from './cache/store/two-level-store.js';
export { type ConcurrencyHandler, type ConcurrencySite, concurrency } from './concurrency/concurrency.js';
export type { ConcurrencyEvents, ConcurrencyName } from './concurrency/concurrency-events.js';
export type { ConcurrencyOptions } from './concurrency/concurrency-options.js';
export type { ConcurrencyStatus } from './concurrency/concurrency-status.js';
export { ConfigError, type ConfigProblem } from './config/config-error.js';
export type { ConfigFormat } from './config/document.js';
export {
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type ParseOptions,
  parseConfig,
} from './config/load-config.js';
export type { GatewaySettings } from './config/schema.js';
export type {
  Attempt,
  AttemptEnd,
  AttemptFailure,
  AttemptOutcome,
  Blame,
  BodyReader,
  HeldBody,
  LimitOf,
  PermitOf,
  ResponseHead,
  RetryClass,
  SentRequest,
} from './core/attempt.js';
export type { Callback } from './core/callback.js';
export { type DetachedRequest, detach } from './core/detach.js';
export type { ConnectTo, Egress, EgressCall, EgressPolicy, EgressTarget, TargetTls } from './core/egress.js';
export type {
  EgressProxyStatus,
  EgressStatus,
  LimitStatus,
  ProxyListStatus,
  QuotaStatus,
} from './core/egress-status.js';
export type { Outcome } from './core/ended-call.js';
export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from './core/errors.js';
export type { Limit, Permit, RetryContext, RetryPolicy } from './core/exchange.js';
export { type CacheVerdict, Exchange, exchangeOf, type Handler, type Keeper } from './core/exchange.js';
export type { RetryContextOf, RetryPolicyOf } from './core/retry-policy.js';
export type { Clock } from './core/steady-clock.js';
export type { StopTimer, Time } from './core/time.js';
export type {
  CountedSocket,
  CutListener,
  OpenSocket,
  SlotLimits,
  SocketRegistry,
  Upgrade,
} from './core/upgrade.js';
export { explain } from './explain/explain.js';
export type { ExplainOptions } from './explain/explain-options.js';
export type {
  FailurePredicate,
  FailureRules,
  JudgedResponse,
  RetryPredicate,
  RetryWhen,
} from './http/failure-rules.js';
export type { FailureWhen } from './http/failure-when.js';
export type { Reaches } from './http/forwarded-headers.js';
export type { AttemptResult } from './http/outcome.js';
export { type MetricsHandler, metrics } from './metrics/metrics.js';
export type { CircuitView, MetricsOptions, MetricsRegistry } from './metrics/metrics-options.js';
export type { OtlpSignal } from './otlp/environment.js';
export type { OtlpChange, OtlpEvents, OtlpStatus, OtlpView } from './otlp/otlp-health.js';
export type { BanConditions, BanHead, BanRule } from './proxy-rotate/ban-rule.js';
export type { GatewayProxy } from './proxy-rotate/gateway-proxy.js';
export type { HealthCheckOptions } from './proxy-rotate/health-options.js';
export { type ProxyRotateHandler, proxyRotate } from './proxy-rotate/proxy-rotate.js';
export type { ProxyRotateEvents } from './proxy-rotate/proxy-rotate-events.js';
export type {
  NamedProxy,
  ProxyChoice,
  ProxyList,
  ProxyRotateOptions,
  RotateStrategy,
} from './proxy-rotate/proxy-rotate-options.js';
export type { RequestsPerProxy } from './proxy-rotate/request-window.js';
export { type RateLimitHandler, rateLimit } from './rate-limit/rate-limit.js';
export type { LimitName, RateLimitEvents } from './rate-limit/rate-limit-events.js';
export type { RateLimitOptions } from './rate-limit/rate-limit-options.js';
export type { RedisConnection } from './redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from './redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from './redis/settings.js';
export { requestId } from './request-id/request-id.js';
export type { RequestIdOptions } from './request-id/request-id-options.js';
export {
  type Api,
  type PartName,
  type ResilientProxy,
  resilientProxy,
  type UpdateReport,
} from './resilient-proxy.js';
export { type RetryEvents, type RetryHandler, retry } from './retry/retry.js';
export type { StopReason } from './retry/retry-decision.js';
export type { IdempotencyKeyOptions, RetryOptions } from './retry/retry-options.js';
export { type ApiStatsQuery, type ApiStatsResponse, apiStats } from './stats/api-stats.js';
export type { SloOptions } from './stats/slo/slo-options.js';
export type { SloStatus, SloWindow } from './stats/slo/slo-status.js';
export { type StatsHandler, stats } from './stats/stats.js';
export type { StatsOptions } from './stats/stats-options.js';
export {
  type Figures,
  type Latency,
  type OpenCounts,
  type PathFigures,
  type RecentError,
  STATS_PERIODS,
  type StatsPeriod,
  type StatsQuery,
  type StatsSource,
  type StatsView,
  type TimeBucket,
} from './stats/stats-source.js';
export type { StatsHealth } from './stats/stats-store.js';
export { type TracingHandler, tracing } from './tracing/tracing.js';
export type { TracingOptions } from './tracing/tracing-options.js';
export { type ForwardHandler, forward, resiliencePlugin } from './upstream/forward.js';
export type {
  ForwardListeners,
  ForwardOptions,
  TransportOptions,
} from './upstream/options/forward-options.js';
export type { PoolUse } from './upstream/pool-use.js';
export type { OpenSockets, SocketCounts } from './websocket/open-sockets.js';
export type { UpgradeEgress, UpgradeHandler } from './websocket/upgrade.js';
export { upgradeRoutes } from './websocket/upgrade-routes.js';
