import { Histogram } from 'prom-client';
import type { BucketCounts } from './bucket-counts.js';
import type { MetricsRegistry } from './metrics-options.js';

/** Options of {@link FoldedHistogram}. */
export interface FoldedHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: MetricsRegistry;
  /** The buckets of each API, read at each scrape. */
  readonly read: () => Iterable<readonly [api: string, buckets: BucketCounts]>;
}

/** A histogram whose counts are kept elsewhere: prom-client can only observe, not import counts. */
export class FoldedHistogram extends Histogram<'api'> {
  readonly #options: FoldedHistogramOptions;

  constructor(options: FoldedHistogramOptions) {
    const { name, help, registry } = options;
    super({ name, help, labelNames: ['api'], registers: [registry] });
    this.#options = options;
  }

  /** Called by prom-client's registry and its own `get()` for the lines; its types do not declare it. */
  async getForPromString() {
    const { name, help, read } = this.#options;
    const values = [...read()].flatMap(([api, buckets]) => lines(name, { api }, buckets));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

function lines(name: string, sharedLabels: { api: string }, { boundsMs, counts, sumMs }: BucketCounts) {
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
