import { Counter, Gauge } from 'prom-client';
import type { Family } from '../core/metric-family.js';
import type { MetricsRegistry } from './metrics-options.js';

export type { Family, Row } from '../core/metric-family.js';

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
