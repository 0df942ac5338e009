import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { idOf } from '../core/send-error.js';
import type { AdminCheck, Refusal } from './admin-check.js';
import type { DashboardRoutes } from './dashboard-routes.js';
import type { GatewayStatus } from './gateway-status.js';
import { type Health, type HealthSources, verboseHealth } from './health.js';
import type { Logger } from './logger.js';
import { purgeRoute } from './purge-route.js';
import { requestId } from './request-id.js';
import { statusRoutes } from './status-routes.js';

/** What the admin routes need. */
export interface AdminSources extends HealthSources {
  admin(): AdminCheck;
  /** Whether actions are allowed: only behind the admin token. */
  readonly actions: boolean;
  readonly logger: Logger;
  readonly dashboards: DashboardRoutes;
  readonly status: GatewayStatus;
  closing(): boolean;
  /** Whether it is ready only while Redis is in use. */
  requiresRedis(): boolean;
}

/** Every route but `/api`: the health checks for everybody, the others behind the admin check. */
export function adminApp(sources: AdminSources): Express {
  const app = healthRoutes(sources, true);
  app.use(guarded(sources));
  app.use(statusRoutes(sources.proxy, sources.status));
  app.use(purgeRoute(sources));
  app.use(sources.dashboards.router);
  app.use(notFound);
  app.use(failed(sources.logger));
  return app;
}

/** The health checks alone, for balancers: the verbose one is where the admin routes are. */
export function healthApp(sources: AdminSources): Express {
  const app = healthRoutes(sources, false);
  app.use(notFound);
  app.use(failed(sources.logger));
  return app;
}

function healthRoutes(sources: AdminSources, verbose: boolean): Express {
  const app = express();
  app.disable('x-powered-by').set('etag', false);
  app.use(noStore, errorsWithId);
  app.get('/health', health(sources, verbose));
  // A process that is leaving is alive: to be restarted would cut its calls.
  app.get('/health/live', (_req, res) => void res.json({ status: 'ok' }));
  app.get('/health/ready', ready(sources));
  return app;
}

function noStore(_req: Request, res: Response, next: NextFunction): void {
  res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  next();
}

/** Errors hold the id by which the log has their requests. */
function errorsWithId(_req: Request, res: Response, next: NextFunction): void {
  const requestId = idOf(res);
  if (requestId !== undefined) {
    const json = res.json.bind(res);
    res.json = (body) => json(isError(body) ? { ...body, requestId } : body);
  }
  next();
}

const isError = (body: unknown): body is object =>
  typeof body === 'object' && body !== null && 'error' in body && 'code' in body;

function health(sources: AdminSources, mayBeVerbose: boolean) {
  return async function health(req: Request, res: Response): Promise<void> {
    const report: Health = { status: sources.closing() ? 'shutting_down' : 'ok' };
    const { verbose } = req.query;
    const inFull = mayBeVerbose && verbose !== undefined && verbose !== '0' && verbose !== 'false';
    const refusal = inFull ? sources.admin().refusal(req) : undefined;
    if (refusal) return refuse(res, refusal);
    const body = inFull ? await verboseHealth(report, sources) : report;
    res.status(body.status === 'ok' ? 200 : 503).json(body);
  };
}

function ready(sources: AdminSources) {
  return function ready(_req: Request, res: Response): void {
    const status = sources.closing() ? 'shutting_down' : lacksRedis(sources) ? 'redis_unavailable' : 'ok';
    res.status(status === 'ok' ? 200 : 503).json({ status });
  };
}

function lacksRedis({ requiresRedis, proxy }: AdminSources): boolean {
  const state = requiresRedis() && proxy.redis?.status().state;
  return state === 'down' || state === 'connecting';
}

function guarded({ admin }: Pick<AdminSources, 'admin'>) {
  return function guarded(req: Request, res: Response, next: NextFunction): void {
    const refusal = admin().refusal(req);
    if (refusal) return refuse(res, refusal);
    next();
  };
}

function refuse(res: Response, { status, code, message, headers }: Refusal): void {
  res.status(status).set(headers).json({ error: message, code });
}

function notFound(_req: Request, res: Response): void {
  res.status(404).json({ error: 'There is nothing here; APIs are below /api/', code: 'ERR_NOT_FOUND' });
}

/** Express recognizes an error handler by its four parameters. */
function failed(logger: Logger) {
  return function failed(error: unknown, req: Request, res: Response, next: NextFunction): void {
    if (res.headersSent) return next(error);
    const status = error instanceof URIError ? 400 : statusOf(error);
    if (status === 500) {
      const id = requestId(req);
      logger.error({ requestId: id, path: req.path, err: error }, 'an admin route failed');
      res
        .status(500)
        .json({ error: `${MESSAGES[500]} (request id ${id}; see the log)`, code: 'ERR_INTERNAL' });
      return;
    }
    const code = status === 413 ? 'ERR_BODY_TOO_LARGE' : 'ERR_BAD_REQUEST';
    res.status(status).json({ error: MESSAGES[status], code });
  };
}

const MESSAGES = {
  400: 'The request is not well formed',
  413: 'The request body is too large',
  500: 'The gateway failed',
} as const;

/** Express' body parser sets a status on its errors; their messages quote the body and are not shown. */
function statusOf(error: unknown): keyof typeof MESSAGES {
  const status: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'status') : undefined;
  if (status === 413) return 413;
  return typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500;
}
