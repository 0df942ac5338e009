import type { RawHeaders } from './headers.js';

/** Response headers that speak of one request, or of one client's limits: from a store they would be wrong. */
const OF_ONE_REQUEST: ReadonlySet<string> = new Set([
  // Computed anew.
  'age',
  'request-id',
  'retry-after',
  'server-timing',
  'traceresponse',
  'x-correlation-id',
  'x-request-id',
]);
const LIMITS = /^(?:x-)?rate-?limit(?:-|$)/;

/** The header lines to store: without those of one request, and those whose lower-case name is in `left`. */
export function storedLines(rawHeaders: RawHeaders, left: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (OF_ONE_REQUEST.has(lower) || LIMITS.test(lower) || left.has(lower)) continue;
    kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}
