import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import * as z from 'zod';
import type { EgressStatus } from '../core/egress-status.js';
import { durationMs, functionOption, optionsObject, resolveOptions } from '../core/options.js';
import { otlpOption } from '../otlp/otlp-options.js';

/** A registry of prom-client, whichever of the two text formats it writes. */
export type MetricsRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** The part of a circuit's snapshot that the metrics show; `breaker().registry.list()` returns them. */
export interface CircuitView {
  /** Name of the circuit. */
  readonly circuit: string;
  readonly state: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  /** Whose state it is; missing where that is not to be shown. */
  readonly scope?: 'fleet' | 'process' | undefined;
}

/** Options of `metrics()`. */
export interface MetricsOptions {
  /**
   * Value of the label `api` where `metrics()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Prefix of the names of all metrics.
   * @default 'resilient_proxy_'
   */
  prefix?: string | undefined;
  /**
   * The application's registry of prom-client, for one page together with its own metrics. The text format is then that
   * registry's.
   * @default a registry of its own
   */
  register?: MetricsRegistry | undefined;
  /**
   * Upper bounds of the histograms' buckets, ascending, in milliseconds; the page shows them in seconds. Streams have
   * buckets of their own, from a second to a day.
   * @default [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000]
   */
  bucketsMs?: readonly number[] | undefined;
  /** Lists the circuits at each scrape: `() => proxy.circuits.list()`. */
  circuits?: (() => readonly CircuitView[]) | undefined;
  /** Lists egress proxies and limits at each scrape: `() => proxy.egress()`. */
  egress?: (() => EgressStatus) | undefined;
  /**
   * Measures the delay of the event loop with a timer of 10 ms, which `close()` stops.
   * @default false
   */
  eventLoop?: boolean | undefined;
  /**
   * Sends the metrics by OTLP over HTTP too: the URL of a collector, to which `/v1/metrics` is added, or `true` for what
   * the variables `OTEL_EXPORTER_OTLP_*` say. Needs the packages `@opentelemetry/sdk-metrics` and
   * `@opentelemetry/exporter-metrics-otlp-proto`.
   * @default none
   */
  otlp?: string | true | undefined;
  /**
   * How often `otlp` sends them.
   * @default what OTEL_METRIC_EXPORT_INTERVAL says, or 60000
   */
  otlpIntervalMs?: number | undefined;
}

const MAX_BUCKET_MS = 2_147_483_647;

const METRIC_NAME = /^[A-Za-z_:][\w:]{0,99}$/;

/** The options that a configuration file can hold. */
export const metricsFileShape = {
  prefix: z
    .string()
    .regex(METRIC_NAME, 'must begin with a letter or "_" and hold only letters, digits, "_" and ":"')
    .default('resilient_proxy_'),
  bucketsMs: z
    .array(z.number().positive().max(MAX_BUCKET_MS))
    .min(1)
    .max(100)
    .refine((bounds) => bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? 0)), 'must ascend')
    .default([0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000]),
  otlp: otlpOption.optional(),
  otlpIntervalMs: durationMs.optional(),
};

/** The schema of {@link MetricsOptions}. */
export const metricsSchema = optionsObject({
  ...metricsFileShape,
  name: z.string().min(1).max(100).default('default'),
  register: z
    .custom<MetricsRegistry>(
      (value) => typeof Reflect.get(Object(value), 'registerMetric') === 'function',
      'must be a Registry of prom-client',
    )
    .optional(),
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
