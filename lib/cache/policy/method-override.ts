import type { Reaches } from '../../http/forwarded-headers.js';
import { headerValue } from '../../http/headers.js';
import type { RawHeaders } from './headers.js';

const NAMES: readonly string[] = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** The method by which whoever makes the response may take a request in place of its own; `undefined` for its own. */
export function overridingMethod(rawHeaders: RawHeaders, reaches: Reaches): string | undefined {
  for (const name of NAMES) {
    const method = reaches(name) ? headerValue(rawHeaders, name)?.trim() : undefined;
    if (method) return method.toUpperCase();
  }
  return undefined;
}
