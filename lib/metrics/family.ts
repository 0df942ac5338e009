import { Counter, Gauge } from 'prom-client';
import type { MetricsRegistry } from './metrics-options.js';

/** One line of a metric. */
export type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A counter or gauge whose values are read at each scrape. */
export interface Family {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly rows: () => Iterable<Row>;
}

/** Adds a family to a registry of prom-client. */
export function registerFamily(family: Family, prefix: string, registry: MetricsRegistry): void {
  const { type, help, labels, rows } = family;
  const config = { name: prefix + family.name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'counter') {
    new Counter({
      ...config,
      collect() {
        this.reset();
        for (const [values, value] of rows()) this.inc(values, value);
      },
    });
    return;
  }
  new Gauge({
    ...config,
    collect() {
      this.reset();
      for (const [values, value] of rows()) this.set(values, value);
    },
  });
}
