import { promClient } from '../core/packages/prom-client.js';
import type { BucketCounts } from './bucket-counts.js';
import type { MetricsRegistry } from './metrics-options.js';

/** Options of {@link registerFolded}. */
export interface FoldedHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly registry: MetricsRegistry;
  /** The buckets with the values of their labels, read at each scrape. */
  readonly read: () => Iterable<readonly [labels: Readonly<Record<string, string>>, buckets: BucketCounts]>;
}

/** Adds a histogram whose counts are kept elsewhere: prom-client can only observe, not import counts. */
export function registerFolded({ name, help, labels, registry, read }: FoldedHistogramOptions): void {
  const { Histogram } = promClient();
  const histogram = new Histogram({ name, help, labelNames: [...labels], registers: [registry] });
  Object.assign(histogram, {
    /** Called by prom-client's registry and its own `get()` for the lines; its types do not declare it. */
    async getForPromString() {
      const values = [...read()].flatMap(([shared, buckets]) => lines(name, shared, buckets));
      return { name, help, type: 'histogram', aggregator: 'sum', values };
    },
  });
}

function lines(
  name: string,
  sharedLabels: Readonly<Record<string, string>>,
  { boundsMs, counts, sumMs }: BucketCounts,
) {
  let total = 0;
  const buckets = [...counts].map((count, i) => {
    total += count;
    const bound = boundsMs[i];
    const le = bound === undefined ? '+Inf' : bound / 1000;
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: total },
  ];
}
