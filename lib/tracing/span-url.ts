import { redactQuery, redactSegments, withoutUser } from '../core/redact.js';

/** What OpenTelemetry's semantic conventions show instead of a secret. */
const MASK = 'REDACTED';
const MAX_CHARACTERS = 2048;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Path and query of a request for a span: bounded, without what is likely a secret. */
export function spanUrl(url: string): { readonly path: string; readonly query: string } {
  const [, path = '', query = ''] =
    /^([^?#]*)\??([^#]*)/.exec(withoutUser(url.replace(ORIGIN, ''), MASK)) ?? [];
  return {
    path: redactSegments(path, MASK).slice(0, MAX_CHARACTERS),
    query: redactQuery(query, MASK).slice(0, MAX_CHARACTERS),
  };
}
