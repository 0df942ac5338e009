import type { Context, TextMapSetter } from '@opentelemetry/api';

/** Writes a context into a carrier, as a propagator's `inject` does. */
export type Inject = (context: Context, carrier: string[], setter: TextMapSetter<string[]>) => void;

/**
 * The headers that a propagator writes for a context, as a flat list; `undefined` if it writes none. One with an empty
 * value is taken away.
 */
export function injectedHeaders(inject: Inject, context: Context): string[] | undefined {
  const headers: string[] = [];
  inject(context, headers, SETTER);
  if (headers.length === 0) return undefined;
  const names = headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  // The client's tracestate belongs to its own traceparent, which is replaced (W3C Trace Context §4.2, §4.3).
  if (names.includes('traceparent') && !names.includes('tracestate')) headers.push('tracestate', '');
  return headers;
}

const SENDABLE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const SENDABLE_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const SETTER: TextMapSetter<string[]> = {
  set(headers, name, value) {
    // Baggage is for the application's own services: it may name users. A value that is not valid in a header would
    // fail the attempt.
    if (name.toLowerCase() === 'baggage' || !SENDABLE_NAME.test(name) || !SENDABLE_VALUE.test(value)) return;
    headers.push(name, value);
  },
};
