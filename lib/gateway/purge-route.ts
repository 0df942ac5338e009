import express, { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import { isOwnOrigin } from '../../dashboards/shared/same-origin.js';
import type { CachePurge } from '../cache/purge-target.js';
import { InvalidOptionError } from '../core/errors.js';
import { optionsObject, resolveOptions } from '../core/options.js';
import type { AdminSources } from './admin-app.js';

const MAX_BODY = '16kb';

const text = z.string().min(1).max(8192);

const order = optionsObject({
  api: text,
  key: text.optional(),
  prefix: text.regex(/^\//, 'must be a path below the API, as /users; / is all of it').optional(),
  tag: text.optional(),
}).refine(({ key, prefix, tag }) => [key, prefix, tag].filter((one) => one !== undefined).length === 1, {
  message: 'must name one of key, prefix and tag',
});

/**
 * `POST /cache/purge` with `{ "api": …, "prefix" | "tag" | "key": … }` as JSON; responds with how many values were removed.
 * It needs an admin token: without one every program on this machine could purge.
 */
export function purgeRoute({
  proxy,
  actions,
  admin,
  logger,
}: Pick<AdminSources, 'proxy' | 'actions' | 'admin' | 'logger'>): Router {
  const router = Router();
  router.post('/cache/purge', express.json({ limit: MAX_BODY, type: 'application/json' }), purge);
  return router;

  async function purge(req: Request, res: Response): Promise<void> {
    if (!actions)
      return refuse(res, 403, 'ERR_FORBIDDEN', 'Purging needs an ADMIN_TOKEN; start the gateway with one');
    // A browser adds the saved password to requests of foreign pages too, but lets them send no JSON.
    if (!req.is('application/json') || foreign(req))
      return refuse(
        res,
        400,
        'ERR_BAD_REQUEST',
        'Send the order as application/json, from a program or this origin',
      );
    const read = readOrder(req.body);
    if (read instanceof InvalidOptionError) return refuse(res, 400, 'ERR_BAD_REQUEST', read.message);
    const { api, target } = read;
    const known = proxy.apis.get(api);
    if (!known) return refuse(res, 404, 'ERR_UNKNOWN_API', `Unknown API: ${api.slice(0, 80)}`);
    if (!known.cache) return refuse(res, 404, 'ERR_NOT_FOUND', `The API ${api} has no cache`);
    try {
      const purged = await known.cache.purge(target);
      logger.info(
        { ...admin().actor(req), action: 'purge', api, by: Object.keys(target)[0], purged },
        `purged ${purged} responses of ${api}`,
      );
      res.json({ api, purged });
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) throw error;
      refuse(res, 400, 'ERR_BAD_REQUEST', error.message);
    }
  }
}

function foreign(req: Request): boolean {
  const site = req.get('sec-fetch-site');
  if (site === undefined) return !isOwnOrigin(req.headers);
  return site !== 'same-origin' && site !== 'none';
}

function readOrder(body: unknown): { api: string; target: CachePurge } | InvalidOptionError {
  try {
    const { api, key, prefix, tag } = resolveOptions(order, body, '');
    if (key !== undefined) return { api, target: { key } };
    return { api, target: prefix !== undefined ? { prefix } : { tag: tag ?? '' } };
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
}

function refuse(res: Response, status: number, code: string, message: string): void {
  res.status(status).json({ error: message, code });
}
