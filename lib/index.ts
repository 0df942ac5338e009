export type { ApiOptions, ManyApisConfig, ResilientProxyConfig, SingleApiConfig } from './api-options.js';
export { type BreakerHandler, breaker } from './breaker/breaker.js';
export type { BreakerEvents } from './breaker/breaker-events.js';
export type { BreakerOptions } from './breaker/breaker-options.js';
export type { Circuit } from './breaker/circuit.js';
export { CircuitRegistry } from './breaker/circuit-registry.js';
export type { CircuitSnapshot } from './breaker/circuit-snapshot.js';
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
