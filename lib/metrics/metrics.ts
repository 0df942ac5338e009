import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import type { CallsInProgress } from '../core/calls-in-progress.js';
import { invalidOption } from '../core/errors.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { promClient } from '../core/packages/prom-client.js';
import type { Measured } from '../otlp/metric-data.js';
import type { OtlpView } from '../otlp/otlp-health.js';
import { type OtlpMetrics, otlpMetrics } from '../otlp/otlp-metrics.js';
import { CallCounts } from './call-counts.js';
import { callFamilies, TIME_FAMILIES, type TimeFamily } from './call-families.js';
import { EventLoopLag } from './event-loop-lag.js';
import { type Family, nameOf, registerFamily } from './family.js';
import { registerFolded } from './folded-histogram.js';
import { type MetricsOptions, type MetricsRegistry, resolveMetrics } from './metrics-options.js';
import { type HistogramFamily, renderPage, type Source } from './page.js';
import { circuitFamilies, egressFamilies, eventLoopFamilies } from './state-families.js';

/** The middleware that {@link metrics} returns. */
export interface MetricsHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The registry that its metrics are on: the application's, or one of its own. */
  readonly registry: MetricsRegistry;
  /** The page for a scraper. @param accept its `Accept` header, which chooses OpenMetrics or plain text */
  render(accept?: string): Promise<string>;
  /** Media type of what {@link render} returns for the same header. */
  contentType(accept?: string): PrometheusContentType | OpenMetricsContentType;
  /** Begins the series of these APIs, at 0, before their first call. @internal */
  configure(apis: readonly string[]): void;
  /** Adds counters and gauges that are read at each scrape; their names get the prefix too. @internal */
  add(families: readonly Family[]): void;
  /** How sending by `otlp` goes; `undefined` without it. */
  readonly otlp: OtlpView | undefined;
  /** All that there is now, of every process of the gateway. @internal */
  snapshot(): Promise<readonly Measured[]>;
  /** Has `otlp` send them a last time, within two seconds. @internal */
  flush(): Promise<void>;
  /** Resolves once the primary of the gateway has what this process had counted when it was closed. @internal */
  sent?(): Promise<void>;
  /** Removes its metrics from the application's registry, counts no more, and stops watching the event loop. */
  close(): void;
}

/**
 * Counts calls, attempts, cache verdicts, bytes and times for Prometheus. Mount it first, before any other handler; one
 * serves many APIs. Mount the same one again behind a cache to count the attempts of the cache's own requests; nothing
 * is counted twice.
 *
 * Its labels are bounded: values that a client or a target invents count as `OTHER` or `other`.
 *
 * @param calls where the calls in progress are listed
 * @throws InvalidOptionError also when the registry already has metrics of these names
 */
export function metrics(options: MetricsOptions = {}, calls?: CallsInProgress): MetricsHandler {
  const { name, prefix, register, bucketsMs, circuits, egress, eventLoop, otlp, otlpIntervalMs } =
    resolveMetrics(options);
  const { Registry } = promClient();
  const counts = new CallCounts(name, bucketsMs, calls);
  if (options.name !== undefined) counts.know([name]);
  const lag = eventLoop ? new EventLoopLag() : undefined;
  const families: Family[] = [
    ...callFamilies(counts),
    ...(circuits ? circuitFamilies(circuits) : []),
    ...(egress ? egressFamilies(egress) : []),
    ...(lag ? eventLoopFamilies(lag) : []),
  ];
  const names = [...families, ...TIME_FAMILIES].map((family) => prefix + family.name);
  const plain: MetricsRegistry = register ?? new Registry();
  let closed = false;
  let openMetrics: Registry<OpenMetricsContentType> | undefined;
  const taken = names.find((name) => plain.getSingleMetric(name));
  if (taken !== undefined) {
    lag?.close();
    throw invalidOption('metrics.prefix', 'must make names that the registry does not have yet', taken);
  }
  /** By the name of the metric. */
  const sources = new Map<string, Source>();
  fill(plain);
  const pages = new Map<MetricsRegistry, Promise<string>>();

  function enter(exchange: Exchange): undefined {
    if (closed || exchange.limits.includes(counts)) return;
    exchange.limits.push(counts);
    if (!exchange.detached) counts.begin(exchange);
  }

  function metrics(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    // That of a client which left before it got here is counted as well, and ends here.
    enter(exchange);
    if (!exchange.abandoned) next();
  }

  function fill(registry: MetricsRegistry): void {
    for (const family of families) registerOne(family, registry);
    for (const family of TIME_FAMILIES) {
      const { name, help, labels = [] } = family;
      const source = { name: prefix + name, help, read: () => bucketsOfAll(family) };
      sources.set(source.name, source);
      registerFolded({ ...source, labels: ['api', ...labels], registry });
    }
  }

  function registerOne(family: Family, registry: MetricsRegistry): void {
    sources.set(nameOf(family, prefix), family);
    registerFamily(family, prefix, registry);
  }

  function* bucketsOfAll({ bucketsOf }: TimeFamily): ReturnType<HistogramFamily['read']> {
    for (const [api, one] of counts.apis)
      for (const [values, buckets] of bucketsOf(one)) yield [{ api, ...values }, buckets];
  }

  /** Scrapes side by side get the same page. */
  function render(accept?: string): Promise<string> {
    const registry = registryFor(accept);
    // The application's may have labels of its own for all metrics.
    if (register) return registry.metrics();
    const page =
      pages.get(registry) ??
      renderPage(registry, (name) => sources.get(name), registry === openMetrics).finally(() =>
        pages.delete(registry),
      );
    pages.set(registry, page);
    return page;
  }

  function registryFor(accept: string | undefined): MetricsRegistry {
    if (register || !asksForOpenMetrics(accept)) return plain;
    // A registry of its own: with OpenMetrics, prom-client renames the counters of a registry permanently.
    if (!openMetrics) {
      openMetrics = new Registry<OpenMetricsContentType>();
      openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
      fill(openMetrics);
    }
    return openMetrics;
  }

  const sender: OtlpMetrics | undefined =
    otlp === undefined
      ? undefined
      : otlpMetrics({ otlp, intervalMs: otlpIntervalMs, read: () => handler.snapshot() });
  const flush = async () => sender?.close();
  const handler = Object.assign(metrics, {
    enter,
    otlp: sender?.view,
    flush,
    // Its types lack the names of the lines.
    snapshot: async () => (await plain.getMetricsAsJSON()) as Measured[],
    registry: plain,
    render,
    contentType: (accept?: string) => registryFor(accept).contentType,
    configure: (apis: readonly string[]) => counts.know(apis),
    add(more: readonly Family[]) {
      if (closed) return;
      for (const family of more) {
        families.push(family);
        names.push(nameOf(family, prefix));
        registerOne(family, plain);
        if (openMetrics) registerOne(family, openMetrics);
      }
    },
    close() {
      // By then metrics of the same names may be another's.
      if (closed) return;
      closed = true;
      lag?.close();
      void flush();
      for (const name of names) plain.removeSingleMetric(name);
    },
  });
  return handler;
}

/** Whether `Accept` names OpenMetrics, which has parameters and maybe a weight (RFC 9110 §12.5.1). */
function asksForOpenMetrics(accept = ''): boolean {
  return accept
    .split(',')
    .some(
      (range) =>
        /^\s*application\/openmetrics-text\s*(;|$)/i.test(range) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range),
    );
}
