export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export { type MetricsHandler, metrics } from './metrics.js';
export type { CircuitView, MetricsOptions, MetricsRegistry } from './metrics-options.js';
