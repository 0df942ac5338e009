import express from 'express';
import type { Dashboard } from '../../dashboards/index.js';
import { onCleanup } from '../support/cleanup.js';
import { type Served, serveApp } from '../support/serve.js';

function responseBriefly(error: Error, _req: express.Request, res: express.Response, _next: unknown): void {
  res.status(500).send(error.message);
}

/** Mounts a dashboard at /board of an Express application, closed after the test. */
export async function mounted(dashboard: Dashboard): Promise<Served & { readonly board: string }> {
  const served = await serveApp(express().use('/board', dashboard, responseBriefly));
  onCleanup(() => dashboard.close());
  return { ...served, board: `${served.url}/board/` };
}
