import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../../lib/core/callback.js';
import { mountPath } from '../../lib/core/mount.js';
import { count, functionOption, headerValue } from '../../lib/core/options.js';

/** A link in the head of a page, to the other dashboard for instance. */
export interface DashboardLink {
  readonly label: string;
  /** Relative to the page, which ends in a slash, as `../cb-dashboard/`; or absolute with http(s). */
  readonly href: string;
}

/** What both dashboards may be given. */
export interface DashboardOptions {
  /**
   * Heading of the page and name of its tab.
   * @default 'Statistics' or 'Circuits'
   */
  title?: string | undefined;
  /**
   * Shown in the head of the page.
   * @default []
   */
  links?: readonly DashboardLink[] | undefined;
  /**
   * Says whether this request may see the dashboard; asked for each request, assets included. What it throws
   * goes to `next(error)`. Without it everybody may who reaches the mount path.
   */
  authorize?: Callback<(req: IncomingMessage) => boolean | Promise<boolean>> | undefined;
  /**
   * Sent as `WWW-Authenticate` with a 401 to whom `authorize` refuses, as `Basic realm="admin"`; without it
   * the refusal is a 403.
   */
  challenge?: string | undefined;
  /**
   * Path of the page, `'/stats'`, for servers and frameworks that do not remove it from the path of a request. Where
   * it is removed already, as by Express' `app.use('/stats', dashboard)`, nothing changes.
   * @default none: the page is at the path that the dashboard is mounted at
   */
  mount?: string | undefined;
  /**
   * Live streams at the same time; the pages of one browser share one. Further pages ask again and again instead.
   * @default 100
   */
  maxClients?: number | undefined;
}

// javascript: and data: would run as a script of this page's origin, or try to.
const LINK = /^(?:https?:\/\/|(?![a-z][a-z0-9+.-]*:))/i;

/** The options that both dashboards share, by their names. */
export const dashboardShape = {
  links: z
    .array(
      z.strictObject({
        label: z.string().min(1).max(60),
        href: z.string().regex(LINK, 'must be relative, or begin with http:// or https://'),
      }),
    )
    .default([]),
  authorize: functionOption<NonNullable<DashboardOptions['authorize']>>().optional(),
  challenge: headerValue.min(1).optional(),
  mount: mountPath.default('/'),
  maxClients: count.default(100),
};

/** The heading of a page. */
export const titleOption = z.string().min(1).max(100);

/** {@link DashboardOptions} with every default filled in. */
export interface DashboardSettings {
  readonly title: string;
  readonly links: readonly DashboardLink[];
  readonly authorize?: DashboardOptions['authorize'];
  readonly challenge?: string | undefined;
  readonly mount: string;
  readonly maxClients: number;
}
