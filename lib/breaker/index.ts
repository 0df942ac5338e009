export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type {
  FailurePredicate,
  FailureRules,
  JudgedResponse,
  RetryPredicate,
  RetryWhen,
} from '../http/failure-rules.js';
export type { FailureWhen } from '../http/failure-when.js';
export type { RedisConnection } from '../redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from '../redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from '../redis/settings.js';
export { type BreakerHandler, breaker } from './breaker.js';
export type { BreakerEvents } from './breaker-events.js';
export type { BreakerOptions } from './breaker-options.js';
export type { Circuit } from './circuit.js';
export { CircuitRegistry } from './circuit-registry.js';
export type {
  CircuitConfig,
  CircuitName,
  CircuitSnapshot,
  CircuitTransition,
  NotCounted,
} from './circuit-snapshot.js';
export type { CircuitStateName, TransitionReason } from './circuit-state.js';
export {
  type CircuitStatus,
  type CircuitStatusConfig,
  type CircuitStatusEntry,
  circuitStatus,
} from './circuit-status.js';
export type { FailureCause, FailureCauses } from './failure-causes.js';
export { type RedisCircuitsOptions, redisCircuits } from './store/redis/store.js';
export type {
  CircuitMember,
  CircuitReport,
  CircuitShare,
  CircuitStore,
  ForcedAction,
  OwnTrip,
  ProbeResult,
  SharedState,
} from './store/store.js';
