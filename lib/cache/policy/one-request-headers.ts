import { connectionTokens } from '../../http/headers.js';
import { NOT_END_TO_END, type RawHeaders } from './headers.js';

/** Response headers that speak of one request, or of one client's limits: from a store they would be wrong. */
const NEVER_STORED: ReadonlySet<string> = new Set([
  ...NOT_END_TO_END,
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

/** The header lines to store: end-to-end ones, without those of one request, and those whose lower-case name is in `left`. */
export function storedLines(rawHeaders: RawHeaders, left: ReadonlySet<string>): string[] {
  const named = connectionTokens(rawHeaders);
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (NEVER_STORED.has(lower) || LIMITS.test(lower) || left.has(lower) || named?.has(lower)) continue;
    kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}
