export { type ErrorCode, InvalidOptionError, ProxyError, type ProxyErrorDetails } from '../core/errors.js';
export type { RedisConnection } from '../redis/client.js';
export type { RedisChange, RedisEvents, RedisState, RedisStatus, RedisView } from '../redis/health.js';
export type { OnStoreLoss, RedisClient, RedisNode, RedisSettings } from '../redis/settings.js';
export { type ApiStatsQuery, type ApiStatsResponse, apiStats } from './api-stats.js';
export { type StatsHandler, stats } from './stats.js';
export type { StatsOptions } from './stats-options.js';
export {
  type Figures,
  type Latency,
  type PathFigures,
  type RecentError,
  STATS_PERIODS,
  type StatsPeriod,
  type StatsQuery,
  type StatsSource,
  type StatsView,
  type TimeBucket,
} from './stats-source.js';
export type { StatsHealth } from './stats-store.js';
