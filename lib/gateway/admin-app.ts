import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { AdminCheck, Refusal } from './access.js';
import type { DashboardRoutes } from './dashboard-routes.js';
import { type Health, type HealthSources, verboseHealth } from './health.js';
import type { Logger } from './logger.js';
import { purgeRoute } from './purge-route.js';
import { requestId } from './request-id.js';
import { statusRoutes } from './status-routes.js';

/** What the admin routes need. */
export interface AdminSources extends HealthSources {
  readonly admin: AdminCheck;
  /** Whether actions are allowed: only behind a token. */
  readonly actions: boolean;
  readonly logger: Logger;
  readonly dashboards: DashboardRoutes;
  closing(): boolean;
}

/** Every route but `/api`: the health check for everybody, the others behind the admin check. */
export function adminApp(sources: AdminSources): Express {
  const app = express();
  app.disable('x-powered-by').set('etag', false);
  app.use(noStore);
  app.get('/health', health(sources));
  app.use(guarded(sources.admin));
  app.use(statusRoutes(sources.proxy));
  app.use(purgeRoute(sources.proxy, sources.actions));
  app.use(sources.dashboards.router);
  app.use(notFound);
  app.use(failed(sources.logger));
  return app;
}

function noStore(_req: Request, res: Response, next: NextFunction): void {
  res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  next();
}

function health(sources: AdminSources) {
  return function health(req: Request, res: Response): void {
    const report: Health = { status: sources.closing() ? 'shutting_down' : 'ok' };
    const { verbose } = req.query;
    const inFull = verbose !== undefined && verbose !== '0' && verbose !== 'false';
    const refusal = inFull ? sources.admin(req.socket.remoteAddress, req.headers.authorization) : undefined;
    if (refusal) return refuse(res, refusal);
    res.status(sources.closing() ? 503 : 200).json(inFull ? verboseHealth(report, sources) : report);
  };
}

function guarded(admin: AdminCheck) {
  return function guarded(req: Request, res: Response, next: NextFunction): void {
    const refusal = admin(req.socket.remoteAddress, req.headers.authorization);
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
