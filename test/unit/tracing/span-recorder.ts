import type { TracerProvider } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { onCleanup } from '../../support/cleanup.js';
import { until } from '../../support/until.js';

/** A real SDK whose spans can be read. */
export interface SpanRecorder {
  readonly tracerProvider: TracerProvider;
  readonly propagator: W3CTraceContextPropagator;
  /** Ended spans, in the order of their ends, once there are so many. */
  spans(count: number): Promise<readonly ReadableSpan[]>;
}

/** An SDK that is not registered anywhere; shut down after the test. */
export function spanRecorder(sampler?: Sampler): SpanRecorder {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    ...(sampler && { sampler }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  onCleanup(() => tracerProvider.shutdown());
  const ended = () => exporter.getFinishedSpans();
  return {
    tracerProvider,
    propagator: new W3CTraceContextPropagator(),
    spans: async (count) => {
      await until(() => ended().length >= count, `${count} spans`);
      return ended();
    },
  };
}
