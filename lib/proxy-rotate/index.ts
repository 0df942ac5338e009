export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { BanConditions, BanHead, BanRule } from './ban-rule.js';
export type { GatewayProxy } from './gateway-proxy.js';
export type { HealthCheckOptions } from './health-options.js';
export { type ProxyRotateHandler, proxyRotate } from './proxy-rotate.js';
export type { ProxyRotateEvents } from './proxy-rotate-events.js';
export type {
  NamedProxy,
  ProxyChoice,
  ProxyList,
  ProxyRotateOptions,
  RotateStrategy,
} from './proxy-rotate-options.js';
export type { RequestsPerProxy } from './request-window.js';
