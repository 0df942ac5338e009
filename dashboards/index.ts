export {
  type BreakerDashboardOptions,
  type BreakerDashboardSource,
  breakerDashboard,
  type CacheCounted,
  type CircuitAction,
  type CircuitControl,
} from './breaker-dashboard.js';
export type { Dashboard } from './shared/dashboard.js';
export type { DashboardLink, DashboardOptions } from './shared/dashboard-options.js';
export { statsDashboard } from './stats-dashboard.js';
