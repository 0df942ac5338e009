import type { ApiOptions } from '../../../lib/apis/options.js';
import { type Api, type ResilientProxy, resilientProxy } from '../../../lib/resilient-proxy.js';
import type { StatsHandler } from '../../../lib/stats/stats.js';
import type { Figures, StatsView } from '../../../lib/stats/stats-source.js';
import { onCleanup } from '../../support/cleanup.js';
import { type Served, serveApp } from '../../support/serve.js';
import { type MetricsPage, readPage } from '../../unit/metrics/metrics-page.js';
import { figuresOf } from './testing.js';

/** One API, `x`, whose figures are told by statistics and metrics. */
export interface Scene extends Pick<Served, 'url' | 'port'> {
  readonly proxy: ResilientProxy<ReadonlyMap<string, Api>, StatsHandler>;
  /** The figures once so many calls are over. */
  counted(calls: number): Promise<Figures>;
  /** The figures as they are. */
  figures(): Promise<Figures>;
  /** What is open. */
  open(): Promise<StatsView['open']>;
  /** Values of a metric by one of its labels; those that are 0 are left out. */
  metric(name: string, label?: string): Promise<Record<string, number>>;
  /** The page for a scraper. */
  page(): Promise<MetricsPage>;
}

/** Starts it; closed after the test. */
export async function startScene(options: ApiOptions): Promise<Scene> {
  const proxy = resilientProxy({ name: 'x', retry: false, breaker: false, metrics: {}, ...options });
  onCleanup(() => proxy.close());
  const { url, port, server } = await serveApp(proxy);
  server.on('upgrade', proxy.upgrade);
  const page = async () => readPage((await proxy.metrics?.render()) ?? '');
  return {
    ...{ url, port, proxy },
    counted: (calls) => figuresOf(proxy.stats, calls, 'x'),
    async figures() {
      const view = await proxy.stats.view({ api: 'x', period: 'all' });
      if (!view) throw new Error('There is no view');
      return view.figures;
    },
    open: async () => (await proxy.stats.view({ api: 'x', period: 'all' }))?.open,
    async metric(name, label = 'api') {
      const values: Record<string, number> = {};
      for (const line of (await page()).lines) {
        const key = line.labels[label];
        if (line.name === `resilient_proxy_${name}` && key !== undefined && line.value > 0)
          values[key] = (values[key] ?? 0) + line.value;
      }
      return values;
    },
    page,
  };
}

/** Outcomes of no call. */
export const NONE = { success: 0, clientError: 0, refused: 0, failure: 0, aborted: 0 };

/** Results of no attempt. */
export const NO_ATTEMPT = { success: 0, clientError: 0, failure: 0, otherFailure: 0, abandoned: 0 };
