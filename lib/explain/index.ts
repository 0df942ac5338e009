export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export { explain } from './explain.js';
export type { ExplainOptions } from './explain-options.js';
