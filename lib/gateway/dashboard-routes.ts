import { Router } from 'express';
import { breakerDashboard } from '../../dashboards/breaker-dashboard.js';
import type { Dashboard } from '../../dashboards/shared/dashboard.js';
import { statsDashboard } from '../../dashboards/stats-dashboard.js';
import type { EgressStatus } from '../core/egress-status.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { AdminCheck } from './admin-check.js';
import type { Logger } from './logger.js';

/** The two dashboards of a gateway; `close()` ends their live streams. */
export interface DashboardRoutes {
  readonly router: Router;
  close(): void;
}

export interface DashboardSources {
  readonly proxy: ResilientProxy;
  readonly logger: Logger;
  /** Whether there is a token for actions: without one every program on this machine could act. */
  readonly actions: boolean;
  egress(): EgressStatus;
  admin(): AdminCheck;
}

export function dashboardRoutes({
  proxy,
  egress,
  logger,
  actions,
  admin,
}: DashboardSources): DashboardRoutes {
  const router = Router();
  const circuits = (mayAct: boolean): Dashboard =>
    breakerDashboard(
      {
        circuits: proxy.circuits,
        egress,
        apis: proxy.apis,
        redis: proxy.redis,
        purge: async (api) => proxy.apis.get(api)?.cache?.purge({ prefix: '/' }),
        purgeable: () => [...proxy.apis].flatMap(([name, { cache }]) => (cache ? [name] : [])),
      },
      {
        actions: mayAct,
        links: proxy.stats ? [{ label: 'Statistics', href: '../stats-dashboard/' }] : [],
        onAction: (action, target, req) =>
          logger.warn({ ...admin().actor(req), action, target }, `dashboard: ${action} ${target}`),
      },
    );
  // Who may not act sees no buttons.
  const [looking, acting] = [circuits(false), actions ? circuits(true) : undefined];
  router.use('/cb-dashboard', (req, res, next) => {
    const page = acting && admin().actor(req).token === 'admin' ? acting : looking;
    page(req, res, next);
  });
  const statistics = proxy.stats
    ? statsDashboard(proxy.stats, { links: [{ label: 'Circuits', href: '../cb-dashboard/' }] })
    : undefined;
  if (statistics) router.use('/stats-dashboard', statistics);
  return {
    router,
    close() {
      for (const page of [looking, acting, statistics]) page?.close();
    },
  };
}
