import type { Context, TextMapSetter } from '@opentelemetry/api';

/** Writes a context into a carrier, as a propagator's `inject` does. */
export type Inject = (context: Context, carrier: string[], setter: TextMapSetter<string[]>) => void;

/** The headers that a propagator writes for a context, as a flat list; `undefined` if it writes none. */
export function injectedHeaders(inject: Inject, context: Context): string[] | undefined {
  const headers: string[] = [];
  inject(context, headers, SETTER);
  return headers.length > 0 ? headers : undefined;
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
