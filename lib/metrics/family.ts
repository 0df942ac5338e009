import type { Family } from '../core/metric-family.js';
import { promClient } from '../core/packages/prom-client.js';
import type { MetricsRegistry } from './metrics-options.js';

export type { Family, Row } from '../core/metric-family.js';

/** Name of the metric of a family. */
export const nameOf = ({ name, isProcess }: Family, prefix: string): string =>
  isProcess ? name : prefix + name;

/** Adds a family to a registry of prom-client. */
export function registerFamily(family: Family, prefix: string, registry: MetricsRegistry): void {
  const { Counter, Gauge } = promClient();
  const { type, help, labels, rows } = family;
  const config = { name: nameOf(family, prefix), help, labelNames: [...labels], registers: [registry] };
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
