import { redactQuery, withoutUser } from '../core/redact.js';

/** What the semantic conventions of OpenTelemetry put in place of a secret. */
const MASK = 'REDACTED';
const MAX_CHARACTERS = 2048;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Path and query of a request as a span may hold them: bounded, the values of fields that name a secret left out. */
export function spanUrl(url: string): { readonly path: string; readonly query: string } {
  const [, path = '', query = ''] =
    /^([^?#]*)\??([^#]*)/.exec(withoutUser(url.replace(ORIGIN, ''), MASK)) ?? [];
  return {
    path: path.slice(0, MAX_CHARACTERS),
    query: redactQuery(query, MASK).slice(0, MAX_CHARACTERS),
  };
}
