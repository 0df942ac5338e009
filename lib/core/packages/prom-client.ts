import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';

const loaded = { AggregatorRegistry, Counter, Gauge, Histogram, Registry };

/** prom-client, which is loaded once there are metrics. */
export const promClient = (): typeof loaded => loaded;
