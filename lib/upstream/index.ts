export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { OpenSockets, SocketCounts } from '../websocket/open-sockets.js';
export type { UpgradeEgress, UpgradeHandler } from '../websocket/upgrade.js';
export { upgradeRoutes } from '../websocket/upgrade-routes.js';
export { type ForwardHandler, forward, resiliencePlugin } from './forward.js';
export type { ForwardOptions, TransportOptions } from './options/forward-options.js';
export type { PoolUse } from './pool-use.js';
