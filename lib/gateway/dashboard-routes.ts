import { Router } from 'express';
import { breakerDashboard } from '../../dashboards/breaker-dashboard.js';
import { statsDashboard } from '../../dashboards/stats-dashboard.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { Logger } from './logger.js';

/** The two dashboards of a gateway; `close()` ends their live streams. */
export interface DashboardRoutes {
  readonly router: Router;
  close(): void;
}

/** @param actions whether the page may act on circuits and caches: only behind an admin token */
export function dashboardRoutes(proxy: ResilientProxy, logger: Logger, actions: boolean): DashboardRoutes {
  const router = Router();
  const circuits = breakerDashboard(
    {
      circuits: proxy.circuits,
      egress: () => proxy.egress(),
      apis: proxy.apis,
      purge: async (api) => proxy.apis.get(api)?.cache?.purge({ prefix: '/' }),
      purgeable: () => [...proxy.apis].flatMap(([name, { cache }]) => (cache ? [name] : [])),
    },
    {
      actions,
      links: proxy.stats ? [{ label: 'Statistics', href: '../stats-dashboard/' }] : [],
      onAction: (action, target) => logger.warn({ action, target }, `dashboard: ${action} ${target}`),
    },
  );
  router.use('/cb-dashboard', circuits);
  const statistics = proxy.stats
    ? statsDashboard(proxy.stats, { links: [{ label: 'Circuits', href: '../cb-dashboard/' }] })
    : undefined;
  if (statistics) router.use('/stats-dashboard', statistics);
  return {
    router,
    close() {
      circuits.close();
      statistics?.close();
    },
  };
}
