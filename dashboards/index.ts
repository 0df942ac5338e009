export type { Callback } from '../lib/core/callback.js';
export {
  type BreakerDashboardOptions,
  type BreakerDashboardSource,
  breakerDashboard,
  type CacheCounted,
  type CircuitAction,
  type CircuitControl,
  type RedisTold,
} from './breaker-dashboard.js';
export type { Dashboard } from './shared/dashboard.js';
export type { DashboardLink, DashboardOptions } from './shared/dashboard-options.js';
export { statsDashboard } from './stats-dashboard.js';
