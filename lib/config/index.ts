export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export { ConfigError, type ConfigProblem } from './config-error.js';
export type { ConfigFormat } from './document.js';
export {
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type ParseOptions,
  parseConfig,
} from './load-config.js';
export type { GatewaySettings } from './schema.js';
