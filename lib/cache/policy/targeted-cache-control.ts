import { type CacheControl, noDirectives, parseCacheControl, setDirective } from './cache-control.js';
import { allValues, joinedValue, type RawHeaders } from './headers.js';
import { type DictionaryMember, parseDictionary } from './structured-dictionary.js';

/** The cache directives of a response, and whether a header for shared caches only gave them. */
export interface ResponseDirectives {
  readonly directives: CacheControl;
  /** `CDN-Cache-Control` was used: `Cache-Control` and `Expires` are ignored (RFC 9213 §2.2). */
  readonly targeted: boolean;
}

const NUMERIC: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
]);
const VALUELESS: ReadonlySet<string> = new Set([
  'no-store',
  'must-revalidate',
  'proxy-revalidate',
  'public',
  'immutable',
  'must-understand',
]);
const LISTING: ReadonlySet<string> = new Set(['no-cache', 'private']);

/**
 * The directives of a response: those of a valid `CDN-Cache-Control`, else those of `Cache-Control`. A targeted
 * header is ignored where it is empty, not a valid dictionary, or gives a known directive a value of the wrong type
 * (RFC 9213 §2.1, §2.2).
 */
export function responseDirectives(rawHeaders: RawHeaders): ResponseDirectives {
  const targeted = joinedValue(rawHeaders, 'cdn-cache-control');
  const directives = targeted === undefined ? undefined : parseTargeted(targeted);
  if (directives) return { directives, targeted: true };
  return { directives: parseCacheControl(allValues(rawHeaders, 'cache-control')), targeted: false };
}

/** The directives of a targeted header; `undefined` where it is to be ignored. */
export function parseTargeted(text: string): CacheControl | undefined {
  const members = parseDictionary(text);
  if (members === undefined || members.size === 0) return undefined;
  const directives = noDirectives();
  for (const [name, member] of members) {
    if (!setMember(directives, name, member)) return undefined;
  }
  return directives;
}

/** Whether the member has the type that its directive requires; unknown directives may have any. */
function setMember(directives: CacheControl, name: string, member: DictionaryMember): boolean {
  if (NUMERIC.has(name)) {
    if (member.type !== 'integer') return false;
    // A negative integer is valid here but is not a delta-seconds: stale, as in Cache-Control.
    setDirective(directives, name, String(member.value));
    return true;
  }
  if (!VALUELESS.has(name) && !LISTING.has(name)) return true;
  if (member.type === 'boolean') {
    if (member.value) setDirective(directives, name, undefined);
    return true;
  }
  if (!LISTING.has(name) || member.type !== 'string') return false;
  setDirective(directives, name, member.value);
  return true;
}
