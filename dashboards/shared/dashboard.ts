import type { IncomingMessage, ServerResponse } from 'node:http';
import { urlBelow, withoutEnd } from '../../lib/core/mount.js';
import { type ClientAssets, loadClient } from './client-assets.js';
import type { DashboardSettings } from './dashboard-options.js';
import { type Page, renderPage } from './page.js';
import { secure, sendAsset, sendError, sendTagged } from './responses.js';

/** A middleware of Connect's kind; without `next` it responds to everything itself. */
export type DashboardHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** A dashboard: mount it anywhere with `app.use('/path', dashboard)`. */
export interface Dashboard extends DashboardHandler {
  /** Ends its live streams and stops its timer. Open pages poll from then on. */
  close(): void;
}

/** Handles one route; what it throws goes to `next`. */
export type Route = (
  req: IncomingMessage,
  res: ServerResponse,
  query: URLSearchParams,
) => void | Promise<void>;

/** The parts in which the dashboards differ. */
export interface DashboardParts {
  /** Folder of its page in the client. */
  readonly page: 'statistics' | 'circuits';
  readonly settings: DashboardSettings;
  /** By method and path, as `GET /data`. HEAD uses the route of GET. */
  readonly routes: ReadonlyMap<string, Route>;
}

/** The client's files in memory, and the page made of them. */
interface Loaded {
  readonly assets: ClientAssets;
  readonly page: Page;
}

/**
 * The handler of both dashboards: the page at the mount path, its assets, and the routes of each. It uses only Node's
 * request and response, so any server or framework can mount it. Unknown paths go to `next`.
 */
export function dashboardHandler({ page, settings, routes }: DashboardParts): DashboardHandler {
  const mount = withoutEnd(settings.mount);
  let loading: Promise<Loaded> | undefined;

  // Unpacked at the first request: importing the package costs nothing.
  const loaded = (): Promise<Loaded> => {
    loading ??= load(page, settings).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };

  async function showPage(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (redirectToFolder(req, res)) return;
    const { page } = await loaded();
    res.setHeader('Cache-Control', 'private, no-cache');
    sendTagged(req, res, page.asset, page.tag);
  }

  async function showAsset(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
    const { assets } = await loaded();
    const [, version, name = ''] = /^\/assets\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const asset = version === assets.version ? assets.files.get(name) : undefined;
    if (!asset || name.endsWith('.html'))
      return sendError(res, 404, 'ERR_NOT_FOUND', 'There is no such asset');
    sendAsset(req, res, asset, assets.version);
  }

  function routeOf(method: string, path: string): Route | undefined {
    if (method === 'GET' && path === '/') return showPage;
    if (method === 'GET' && path.startsWith('/assets/')) return (req, res) => showAsset(req, res, path);
    return routes.get(`${method} ${path}`);
  }

  const allowed = (path: string): string[] => ['GET', 'POST'].filter((method) => routeOf(method, path));

  async function response(
    req: IncomingMessage,
    res: ServerResponse,
    path: string,
    query: string,
  ): Promise<void> {
    secure(res);
    if (!(await isAuthorized(req, settings))) return refuse(res, settings.challenge);
    const route = routeOf(req.method === 'HEAD' ? 'GET' : (req.method ?? ''), path);
    if (!route) {
      res.setHeader('Allow', allowed(path).join(', '));
      return sendError(res, 405, 'ERR_BAD_REQUEST', `${req.method} is not allowed here`);
    }
    await route(req, res, new URLSearchParams(query));
  }

  return function dashboard(req, res, next) {
    const url = urlBelow(req, mount);
    const [path = '', query = ''] = splitUrl(url ?? '/');
    if (url !== undefined && allowed(path).length > 0) {
      response(req, res, path, query).catch(next ?? (() => fail(res)));
    } else if (next) next();
    else sendError(res, 404, 'ERR_NOT_FOUND', 'This dashboard has no such page');
  };
}

function fail(res: ServerResponse): void {
  if (res.headersSent) res.destroy();
  else sendError(res, 500, 'ERR_INTERNAL', 'The dashboard failed');
}

async function load(page: string, settings: DashboardSettings): Promise<Loaded> {
  const assets = await loadClient();
  return { assets, page: renderPage(assets, page, settings) };
}

function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return [path === '' ? '/' : path, mark < 0 ? '' : url.slice(mark + 1)];
}

async function isAuthorized(req: IncomingMessage, { authorize }: DashboardSettings): Promise<boolean> {
  // Only `true` authorizes: a forgotten return, or an object instead of a boolean, must not.
  return authorize === undefined || (await authorize(req)) === true;
}

function refuse(res: ServerResponse, challenge: string | undefined): void {
  if (challenge === undefined) return sendError(res, 403, 'ERR_FORBIDDEN', 'You may not see this dashboard');
  res.setHeader('WWW-Authenticate', challenge);
  sendError(res, 401, 'ERR_UNAUTHORIZED', 'This dashboard needs credentials');
}

/**
 * Every URL in the page is relative, so the page's own must end in a slash. The redirect is relative too: a prefix that
 * a reverse proxy has removed from the path is not known here.
 */
function redirectToFolder(req: IncomingMessage, res: ServerResponse): boolean {
  // Connect and Express keep the whole URL here; `url` has lost the mount path.
  const { originalUrl } = req as IncomingMessage & { originalUrl?: string };
  const [path, query] = splitUrl(originalUrl ?? req.url ?? '/');
  if (path.endsWith('/')) return false;
  const last = path.slice(path.lastIndexOf('/') + 1);
  res.statusCode = 302;
  // With ./ a colon in the name is not read as a scheme.
  res.setHeader('Location', `./${last}/${query === '' ? '' : `?${query}`}`);
  res.setHeader('Cache-Control', 'no-store');
  res.end();
  return true;
}
