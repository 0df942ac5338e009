import type { TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import * as z from 'zod';
import { InvalidOptionError } from '../core/errors.js';
import { optionsObject, resolveOptions } from '../core/options.js';
import { otlpOption } from '../otlp/otlp-options.js';

/** Options of `tracing()`. */
export interface TracingOptions {
  /**
   * Name of the API in spans where `tracing()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Where spans go. The default also takes an SDK that is registered later; without one nothing is recorded.
   * @default the SDK registered with `@opentelemetry/api`
   */
  tracerProvider?: TracerProvider | undefined;
  /**
   * Reads the client's trace and writes that of each attempt.
   * @default the one registered with `@opentelemetry/api`
   */
  propagator?: TextMapPropagator | undefined;
  /**
   * Sends the trace to the target: each attempt has its own `traceparent`, which replaces the client's. Baggage is
   * never added. `false` leaves the client's headers as they are.
   * @default true
   */
  propagate?: boolean | undefined;
  /**
   * Sends spans by OTLP over HTTP, where the application has no SDK of its own: the URL of a collector, to which
   * `/v1/traces` is added, or `true` for what the variables `OTEL_EXPORTER_OTLP_*` say. Needs the packages
   * `@opentelemetry/sdk-trace-base` and `@opentelemetry/exporter-trace-otlp-proto`.
   * @default none
   */
  otlp?: string | true | undefined;
  /**
   * Share of the calls that `otlp` records, 0 to 1. A call whose client sends a `traceparent` is recorded if the client
   * records it.
   * @default what OTEL_TRACES_SAMPLER says, or 1
   */
  sampleRatio?: number | undefined;
}

const methodOf = (value: unknown, name: string) => typeof Reflect.get(Object(value), name) === 'function';

/** The options that a configuration file can hold. */
export const tracingFileShape = {
  otlp: otlpOption.optional(),
  sampleRatio: z.number().min(0).max(1).optional(),
  propagate: z.boolean().default(true),
};

/** The schema of {@link TracingOptions}. */
export const tracingSchema = optionsObject({
  ...tracingFileShape,
  name: z.string().min(1).max(100).default('default'),
  tracerProvider: z
    .custom<TracerProvider>(
      (value) => methodOf(value, 'getTracer'),
      'must be a TracerProvider of OpenTelemetry',
    )
    .optional(),
  propagator: z
    .custom<TextMapPropagator>((value) => methodOf(value, 'inject'), 'must be a propagator of OpenTelemetry')
    .optional(),
});

/** {@link TracingOptions} with every default filled in. */
export type ResolvedTracing = z.output<typeof tracingSchema>;

/** @throws InvalidOptionError */
export function resolveTracing(options: TracingOptions): ResolvedTracing {
  const resolved = resolveOptions(tracingSchema, options, 'tracing');
  const { otlp, sampleRatio, tracerProvider } = resolved;
  if (otlp !== undefined && tracerProvider) {
    throw new InvalidOptionError(
      'tracing.otlp',
      'tracing.otlp is for applications without a tracerProvider; give one of them',
    );
  }
  if (sampleRatio !== undefined && otlp === undefined) {
    throw new InvalidOptionError(
      'tracing.sampleRatio',
      'tracing.sampleRatio needs tracing.otlp: otherwise the SDK of the application samples',
    );
  }
  return resolved;
}
