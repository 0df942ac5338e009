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
   * Value of the label `api` for calls that no `resilientProxy` has given an API.
   * @default 'default'
   */
  name?: string;
  /**
   * What the names of all metrics begin with.
   * @default 'resilient_proxy_'
   */
  prefix?: string;
  /**
   * The application's registry of prom-client, for one page with its own metrics; the text format is then that
   * registry's. By default the metrics have one of their own.
   */
  register?: MetricsRegistry;
  /**
   * Upper bounds of the histograms' buckets, ascending; shown in seconds, as Prometheus has them.
   * @default [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000]
   */
  bucketsMs?: readonly number[];
  /** Lists the circuits at each scrape: `() => proxy.circuits.list()`. */
  circuits?: () => readonly CircuitView[];
  /** Reads the state of egress proxies and advertised limits at each scrape: `() => proxy.egress()`. */
  egress?: () => EgressStatus;
  /**
   * Measures how late the event loop is; opens a timer of 10 ms that `close()` ends.
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
