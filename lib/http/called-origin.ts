import { headerValue } from './headers.js';

/** What a client, or a proxy in front, says of the origin that it calls. */
export const ORIGIN_HEADERS: readonly string[] = ['host', 'x-forwarded-host', 'x-forwarded-proto'];

const AUTHORITY = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * The authority by which clients call this process: that of a proxy in front, where it says one, or `Host`. `undefined`
 * where there is none in the list, as with HTTP/2.
 */
export function calledAuthority(rawHeaders: readonly string[]): string | undefined {
  const called = headerValue(rawHeaders, 'x-forwarded-host') ?? headerValue(rawHeaders, 'host');
  const first = called?.split(',', 1)[0]?.trim() ?? '';
  return AUTHORITY.test(first) ? first : undefined;
}

/** The scheme by which clients call, as a proxy in front says it. */
export function calledScheme(rawHeaders: readonly string[]): 'http' | 'https' | undefined {
  const first = headerValue(rawHeaders, 'x-forwarded-proto')?.split(',', 1)[0]?.trim().toLowerCase();
  return first === 'http' || first === 'https' ? first : undefined;
}
