import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import { z } from 'zod';
import type { EgressStatus } from '../core/egress-status.js';
import { durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';

/** A registry of prom-client, whichever of the two text formats it writes. */
export type MetricsRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** The part of a circuit's snapshot that the metrics show; `breaker().registry.list()` returns them. */
export interface CircuitView {
  /** Name of the circuit. */
  readonly circuit: string;
  readonly state: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
}

/** Options of `metrics()`. */
export interface MetricsOptions {
  /**
   * Value of the label `api` where `metrics()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string;
  /**
   * Prefix of the names of all metrics.
   * @default 'resilient_proxy_'
   */
  prefix?: string;
  /**
   * The application's registry of prom-client, for one page together with its own metrics. The text format is then that
   * registry's.
   * @default a registry of its own
   */
  register?: MetricsRegistry;
  /**
   * Upper bounds of the histograms' buckets, ascending; the page shows them in seconds.
   * @default [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000]
   */
  bucketsMs?: readonly number[];
  /** Lists the circuits at each scrape: `() => proxy.circuits.list()`. */
  circuits?: () => readonly CircuitView[];
  /** Lists egress proxies and limits at each scrape: `() => proxy.egress()`. */
  egress?: () => EgressStatus;
  /**
   * Measures the delay of the event loop with a timer of 10 ms, which `close()` stops.
   * @default false
   */
  eventLoop?: boolean;
}

const METRIC_NAME = /^[A-Za-z_:][\w:]{0,99}$/;

/** The schema of {@link MetricsOptions}. */
export const metricsSchema = optionsObject({
  name: z.string().min(1).max(100).default('default'),
  prefix: z
    .string()
    .regex(METRIC_NAME, 'must begin with a letter or "_" and hold only letters, digits, "_" and ":"')
    .default('resilient_proxy_'),
  register: z
    .custom<MetricsRegistry>(
      (value) => typeof Reflect.get(Object(value), 'registerMetric') === 'function',
      'must be a Registry of prom-client',
    )
    .optional(),
  bucketsMs: z
    .array(durationMs)
    .min(1)
    .max(100)
    .refine((bounds) => bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? 0)), 'must ascend')
    .default([5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000]),
  circuits: functionOption<() => readonly CircuitView[]>().optional(),
  egress: functionOption<() => EgressStatus>().optional(),
  eventLoop: z.boolean().default(false),
});

/** {@link MetricsOptions} with every default filled in. */
export type ResolvedMetrics = z.output<typeof metricsSchema>;

/** @throws InvalidOptionError */
export function resolveMetrics(options: MetricsOptions): ResolvedMetrics {
  return resolveOptions(metricsSchema, options, 'metrics');
}
