import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client';
import { invalidOption } from '../core/errors.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { CallCounts } from './call-counts.js';
import { callFamilies, TIME_FAMILIES } from './call-families.js';
import { EventLoopLag } from './event-loop-lag.js';
import { type Family, registerFamily } from './family.js';
import { FoldedHistogram } from './folded-histogram.js';
import { type MetricsOptions, type MetricsRegistry, resolveMetrics } from './metrics-options.js';
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
  /** Adds counters and gauges that are read at each scrape; their names get the prefix too. @internal */
  add(families: readonly Family[]): void;
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
 * @throws InvalidOptionError also when the registry already has metrics of these names
 */
export function metrics(options: MetricsOptions = {}): MetricsHandler {
  const { name, prefix, register, bucketsMs, circuits, egress, eventLoop } = resolveMetrics(options);
  const counts = new CallCounts(name, bucketsMs);
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
  fill(plain);

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
    for (const family of families) registerFamily(family, prefix, registry);
    for (const { name, help, bucketsOf } of TIME_FAMILIES) {
      new FoldedHistogram({
        name: prefix + name,
        help,
        registry,
        read: () => [...counts.apis].map(([api, one]) => [api, bucketsOf(one)] as const),
      });
    }
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

  return Object.assign(metrics, {
    enter,
    registry: plain,
    render: (accept?: string) => registryFor(accept).metrics(),
    contentType: (accept?: string) => registryFor(accept).contentType,
    add(more: readonly Family[]) {
      if (closed) return;
      for (const family of more) {
        families.push(family);
        names.push(prefix + family.name);
        registerFamily(family, prefix, plain);
        if (openMetrics) registerFamily(family, prefix, openMetrics);
      }
    },
    close() {
      // By then metrics of the same names may be another's.
      if (closed) return;
      closed = true;
      lag?.close();
      for (const name of names) plain.removeSingleMetric(name);
    },
  });
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
