import type { TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import type * as Core from '@opentelemetry/core';
import type * as Sdk from '@opentelemetry/sdk-trace-base';
import { exporterPackage, isDisabled, shownCollector, signalUrl } from './environment.js';
import { OtlpHealth, type OtlpView } from './otlp-health.js';
import type { OtlpOption } from './otlp-options.js';
import { dependencyOf, optionalPackages } from './packages.js';
import { resourceOf } from './resource.js';
import type { Exporter } from './sender.js';
import { SpanQueue } from './span-queue.js';

/** An SDK that sends spans to a collector; it is registered nowhere. */
export interface OtlpTraces {
  readonly tracerProvider: TracerProvider;
  readonly propagator: TextMapPropagator;
  /**
   * Share of the traces that begin here and are recorded; to be decided before a span is made. `undefined` where the
   * sampler of the SDK decides.
   */
  readonly rootRatio: number | undefined;
  readonly view: OtlpView;
  /** Sends what it holds, within a bound. */
  close(): Promise<void>;
}

/** A span of a call that is part of a shutdown is sent by then, or lost. */
const FLUSH_MS = 2000;
export const TRACES_SDK = '@opentelemetry/sdk-trace-base';

type ExporterClass = new (options: { url?: string }) => Exporter<Sdk.ReadableSpan[]>;

/**
 * Loads OpenTelemetry's SDK and exporter. Whatever the options do not say, the variables `OTEL_*` do.
 * @returns `undefined` where `OTEL_SDK_DISABLED` is set
 * @throws InvalidOptionError that names the packages to install
 */
export function otlpTraces(otlp: OtlpOption, sampleRatio: number | undefined): OtlpTraces | undefined {
  if (isDisabled()) return undefined;
  const option = 'tracing.otlp';
  const [sdk, exporters] = optionalPackages(option, [TRACES_SDK, exporterPackage('traces', option)]);
  const { BasicTracerProvider, ParentBasedSampler, AlwaysOnSampler } = sdk as typeof Sdk;
  const { OTLPTraceExporter } = exporters as { OTLPTraceExporter: ExporterClass };
  const { W3CTraceContextPropagator } = dependencyOf(TRACES_SDK, '@opentelemetry/core') as typeof Core;
  const url = signalUrl(otlp, 'traces');
  const health = new OtlpHealth('traces', shownCollector(otlp, 'traces'));
  const queue = new SpanQueue(new OTLPTraceExporter(url === undefined ? {} : { url }), health);
  const tracerProvider = new BasicTracerProvider({
    resource: resourceOf(TRACES_SDK),
    // What is to be left out does not get here. Without a ratio the SDK reads OTEL_TRACES_SAMPLER.
    ...(sampleRatio !== undefined && {
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    }),
    spanProcessors: [queue],
  });
  return {
    tracerProvider,
    propagator: new W3CTraceContextPropagator(),
    rootRatio: sampleRatio,
    view: health,
    close: () => queue.close(FLUSH_MS),
  };
}
