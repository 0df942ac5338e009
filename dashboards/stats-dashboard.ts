import type { IncomingMessage, ServerResponse } from 'node:http';
import { optionsObject, resolveOptions } from '../lib/core/options.js';
import { realTime, type Time } from '../lib/core/time.js';
import type { StatsPeriod, StatsSource } from '../lib/stats/stats-source.js';
import type { Problem, StatisticsData } from './client/shared/contract.js';
import { OverviewReader } from './overview.js';
import { type Dashboard, dashboardHandler, type Route } from './shared/dashboard.js';
import {
  type DashboardOptions,
  type DashboardSettings,
  dashboardShape,
  titleOption,
} from './shared/dashboard-options.js';
import { type Channel, LiveFeed } from './shared/live-feed.js';
import { RecentReads } from './shared/recent-reads.js';
import { sendError, sendJson, sendText } from './shared/responses.js';
import { bucketsCsv, pathsCsv } from './stats-csv.js';
import { readBuckets, readPaths, readView, type Selection } from './stats-data.js';

const schema = optionsObject({ ...dashboardShape, title: titleOption.default('Statistics') });

const VIEW_MS = 1000;
/** The table of paths and the overview are the expensive part, and need no update each second. */
const TABLES_MS = 5000;

/**
 * A page with statistics of each API and path, over time, and the recent errors. The source is what `stats()` returns.
 *
 * @throws InvalidOptionError
 */
export function statsDashboard(source: StatsSource, options: DashboardOptions = {}): Dashboard {
  return statsDashboardWithTime(realTime, source, options);
}

/** {@link statsDashboard}, whose time a test can decide. */
export function statsDashboardWithTime(
  time: Time,
  source: StatsSource,
  options: DashboardOptions = {},
): Dashboard {
  const settings: DashboardSettings = resolveOptions(schema, options, 'statsDashboard');
  const feed = new LiveFeed(settings.maxClients, (changed) => source.onChange(changed), time);
  const routes = statsRoutes(source, feed, new RecentReads(time));
  const handle = dashboardHandler({ page: 'statistics', settings, routes });

  function statsDashboard(req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void {
    handle(req, res, next);
  }
  return Object.assign(statsDashboard, { close: () => feed.close() });
}

function statsRoutes(source: StatsSource, feed: LiveFeed, reads: RecentReads): ReadonlyMap<string, Route> {
  const overviews = new OverviewReader(source);
  const overview = (): Channel => ({
    name: 'overview',
    key: 'overview',
    everyMs: TABLES_MS,
    read: (fresh) => reads.read('overview', fresh ? 0 : VIEW_MS, () => overviews.read()),
  });

  function channelsOf(selection: Selection): Channel[] {
    const { api, path, period } = selection;
    const view = JSON.stringify(['view', api, path, period]);
    const paths = JSON.stringify(['paths', api, period]);
    return [
      {
        name: 'view',
        key: view,
        everyMs: VIEW_MS,
        read: (fresh) => reads.read(view, fresh ? 0 : VIEW_MS / 2, () => readView(source, selection)),
      },
      {
        name: 'paths',
        key: paths,
        everyMs: TABLES_MS,
        read: (fresh) => reads.read(paths, fresh ? 0 : TABLES_MS / 2, () => readPaths(source, api, period)),
      },
    ];
  }

  /** What a query selects; the first API if it names none. */
  async function selected(query: URLSearchParams): Promise<Selection | 'none' | 'refused'> {
    const period = query.get('period') ?? 'all';
    if (!isPeriod(period)) return 'refused';
    const api = query.get('api') || (await source.apis())[0];
    if (api === undefined) return 'none';
    return { api, path: query.get('path') || undefined, period };
  }

  /** Responds with an error for an invalid query. */
  async function select(
    res: ServerResponse,
    query: URLSearchParams,
  ): Promise<Selection | 'none' | 'refused'> {
    const selection = await selected(query);
    if (selection === 'refused') {
      sendError(res, 400, 'ERR_BAD_REQUEST', 'period must be all, daily or hourly');
    }
    return selection;
  }

  function unknown({ api, path }: Selection): Problem {
    const what = path === undefined ? `API ${shown(api)}` : `path ${shown(path)} of API ${shown(api)}`;
    return { error: `There are no figures of ${what}`, code: 'ERR_NOT_FOUND' };
  }

  async function data(_req: IncomingMessage, res: ServerResponse, query: URLSearchParams): Promise<void> {
    const selection = await select(res, query);
    if (selection === 'refused') return;
    const parts = [overview(), ...(selection === 'none' ? [] : channelsOf(selection))];
    const values = await Promise.all(parts.map(async ({ name, read }) => [name, await read(false)] as const));
    // Each channel's name is a property of the data.
    const body = Object.fromEntries(values) as unknown as StatisticsData;
    if (selection === 'none' || (body.view && body.paths)) return sendJson(res, 200, body);
    // With the overview the page can offer the APIs that exist.
    sendJson(res, 404, { ...unknown(selection), overview: body.overview });
  }

  /** The channels of one page among several; `undefined` if its selection is invalid or does not exist. */
  async function channelsFor(query: URLSearchParams): Promise<Channel[] | undefined> {
    const selection = await selected(query);
    if (selection === 'refused') return undefined;
    if (selection === 'none') return [{ ...overview(), key: 'first overview', everyMs: VIEW_MS }];
    const channels = channelsOf(selection);
    const values = await Promise.all(channels.map(({ read }) => read(false)));
    return values.includes(undefined) ? undefined : [overview(), ...channels];
  }

  async function events(req: IncomingMessage, res: ServerResponse, query: URLSearchParams): Promise<void> {
    const pages = query.getAll('of');
    if (pages.length > 0) return feed.share(req, res, pages, channelsFor);
    const selection = await select(res, query);
    if (selection === 'refused') return;
    if (selection === 'none') return feed.follow(req, res, [{ ...overview(), everyMs: VIEW_MS }]);
    const channels = channelsOf(selection);
    // Checked before the stream begins: an EventSource cannot read an error response.
    const values = await Promise.all(channels.map(({ read }) => read(false)));
    if (values.includes(undefined)) return sendJson(res, 404, unknown(selection));
    await feed.follow(req, res, [overview(), ...channels]);
  }

  /** A file to download, named after the selection. */
  function download(
    kind: 'paths' | 'buckets' | 'stats',
    write: (selection: Selection) => Promise<string | undefined>,
  ): Route {
    return async (_req, res, query) => {
      const selection = await select(res, query);
      if (selection === 'refused') return;
      const text = selection === 'none' ? undefined : await write(selection);
      if (selection === 'none') return sendError(res, 404, 'ERR_NOT_FOUND', 'There are no figures yet');
      if (text === undefined) return sendJson(res, 404, unknown(selection));
      const extension = kind === 'stats' ? 'json' : 'csv';
      const name = [selection.api, kind, selection.period].join('-').replace(/[^\w.-]+/g, '_');
      res.setHeader('Content-Disposition', `attachment; filename="${name.slice(0, 120)}.${extension}"`);
      const type = kind === 'stats' ? 'application/json' : 'text/csv';
      sendText(res, 200, `${type}; charset=utf-8`, text);
    };
  }

  return new Map<string, Route>([
    ['GET /data', data],
    ['GET /events', events],
    [
      'GET /paths.csv',
      download('paths', async ({ api, period }) => {
        const lines = await source.paths(api);
        return lines && pathsCsv(lines, period);
      }),
    ],
    [
      'GET /buckets.csv',
      download('buckets', async (selection) => {
        const buckets = await readBuckets(source, selection);
        return buckets && bucketsCsv(buckets);
      }),
    ],
    [
      'GET /stats.json',
      download('stats', async (selection) => {
        const [view, paths] = await Promise.all([
          source.view({ ...selection, errors: 1000 }),
          source.paths(selection.api),
        ]);
        return view && JSON.stringify({ ...view, paths }, null, 2);
      }),
    ],
  ]);
}

const isPeriod = (text: string): text is StatsPeriod =>
  text === 'all' || text === 'daily' || text === 'hourly';

const shown = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
