import type { TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import { z } from 'zod';
import { optionsObject, resolveOptions } from '../core/options.js';

/** Options of `tracing()`. */
export interface TracingOptions {
  /**
   * Name of the API in spans where `tracing()` is used without `resilientProxy()`.
   * @default 'default'
   */
  name?: string;
  /**
   * Where spans go. The default also takes an SDK that is registered later; without one nothing is recorded.
   * @default the SDK registered with `@opentelemetry/api`
   */
  tracerProvider?: TracerProvider;
  /**
   * Reads the client's trace and writes that of each attempt.
   * @default the one registered with `@opentelemetry/api`
   */
  propagator?: TextMapPropagator;
  /**
   * Sends the trace to the target: each attempt has its own `traceparent`, which replaces the client's. Baggage is
   * never added. `false` leaves the client's headers as they are.
   * @default true
   */
  propagate?: boolean;
}

const methodOf = (value: unknown, name: string) => typeof Reflect.get(Object(value), name) === 'function';

/** The schema of {@link TracingOptions}. */
export const tracingSchema = optionsObject({
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
  propagate: z.boolean().default(true),
});

/** {@link TracingOptions} with every default filled in. */
export type ResolvedTracing = z.output<typeof tracingSchema>;

/** @throws InvalidOptionError */
export function resolveTracing(options: TracingOptions): ResolvedTracing {
  return resolveOptions(tracingSchema, options, 'tracing');
}
