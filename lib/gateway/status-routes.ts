import { type Request, type Response, Router } from 'express';
import { circuitStatus } from '../breaker/circuit-status.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import { apiStats } from '../stats/api-stats.js';
import type { GatewayStatus } from './gateway-status.js';

/** Status as JSON for scripts and monitoring, and `/metrics` in the text format of Prometheus. */
export function statusRoutes(proxy: ResilientProxy, status: GatewayStatus): Router {
  const router = Router();
  router.get('/circuit-status', (_req, res) => {
    res.json(circuitStatus(proxy.circuits.list(), Date.now()));
  });
  router.get('/egress-status', async (_req, res) => {
    res.json({ timestamp: Date.now(), ...(await status.readEgress()) });
  });
  for (const { route, read } of status.views) {
    router.get(route, async (_req, res) => {
      res.json({ timestamp: Date.now(), ...(await read()) });
    });
  }
  router.get('/api-stats', async (req, res) => {
    const { stats } = proxy;
    if (!stats) return turnedOff(res, 'stats');
    const { status, body } = await apiStats(stats, req.query);
    res.status(status).json(body);
  });
  router.get('/metrics', async (req: Request, res) => {
    const { metrics } = proxy;
    if (!metrics) return turnedOff(res, 'metrics');
    const { accept } = req.headers;
    // Not by `send()`: an ETag of a page that is never the same would take longer than to send it.
    res.set('Content-Type', metrics.contentType(accept)).end(await metrics.render(accept));
  });
  return router;
}

function turnedOff(res: Response, part: string): void {
  res.status(404).json({ error: `The configuration turned ${part} off`, code: 'ERR_NOT_FOUND' });
}
