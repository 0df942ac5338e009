import type { TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import { z } from 'zod';
import { optionsObject, resolveOptions } from '../core/options.js';

/** Options of `tracing()`. */
export interface TracingOptions {
  /**
   * Name of the API in spans of calls that no `resilientProxy` has given one.
   * @default 'default'
   */
  name?: string;
  /**
   * Where spans go. By default to the SDK that is registered with `@opentelemetry/api`, also one that is registered
   * later; while there is none, nothing is done.
   */
  tracerProvider?: TracerProvider;
  /**
   * Reads the trace of a client and writes the one of an attempt. By default the registered one.
   */
  propagator?: TextMapPropagator;
  /**
   * Whether the target is told the trace: each attempt by its own `traceparent`, in place of the client's. Baggage is
   * never added. `false` leaves the client's fields as they are.
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
