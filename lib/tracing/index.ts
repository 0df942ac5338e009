export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export { type TracingHandler, tracing } from './tracing.js';
export type { TracingOptions } from './tracing-options.js';
