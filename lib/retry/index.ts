export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type {
  FailurePredicate,
  FailureRules,
  JudgedResponse,
  RetryPredicate,
  RetryWhen,
} from '../http/failure-rules.js';
export type { FailureWhen } from '../http/failure-when.js';
export { type RetryEvents, type RetryHandler, retry } from './retry.js';
export type { StopReason } from './retry-decision.js';
export type { IdempotencyKeyOptions, RetryOptions } from './retry-options.js';
