export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.js';
export { gatewayLogger, type Logger } from './logger.js';
