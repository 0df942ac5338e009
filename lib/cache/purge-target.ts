import { InvalidOptionError } from '../core/errors.js';
import { type CacheKeys, MAX_PATH_LENGTH } from './policy/key.js';
import type { PurgeTarget } from './store/store.js';

/** What to remove from a cache. */
export type CachePurge =
  /** One key, as {@link CacheHandler.keyOf} returns it. */
  | { readonly key: string }
  /** Everything below a path, as clients request it; `/` is everything. */
  | { readonly prefix: string }
  /** Everything that carries a tag. */
  | { readonly tag: string };

/**
 * What a store is to remove, and which keys that concerns.
 * @throws InvalidOptionError for a prefix that could not find what it means
 */
export function purgeTarget(
  { apiPrefix }: CacheKeys,
  target: CachePurge,
): [stored: PurgeTarget, concerns: (key: string) => boolean] {
  if ('key' in target) return [{ key: target.key }, (key) => key === target.key];
  // The tags of a response in flight are not known yet, and it was requested before the purge.
  if ('tag' in target) return [{ api: apiPrefix, tag: target.tag }, () => true];
  const path = pathOf(target.prefix);
  // To a store, a trailing colon means exactly one path.
  const prefix = `${apiPrefix}${path === '/' ? '' : path.replace(/:+$/, '')}`;
  return [{ prefix }, (key) => key.startsWith(prefix)];
}

/** Which keys it concerns that a store removes something. */
export function concernedBy(target: PurgeTarget): (key: string) => boolean {
  if ('key' in target) return (key) => key === target.key;
  const begin = 'prefix' in target ? target.prefix : target.api;
  return (key) => key.startsWith(begin);
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** A prefix as paths are in the keys: percent-encoded, and no longer than the part that is readable there. */
function pathOf(prefix: string): string {
  if (SCHEME.test(prefix)) throw unusable(prefix, 'must be a path, as clients request it');
  if (/[?#]/.test(prefix)) {
    throw unusable(prefix, 'must have no query, which keys hold as a digest: purge a key, a tag or the path');
  }
  const path = prefix.startsWith('/') ? prefix : `/${prefix}`;
  return Buffer.from(path).toString().replace(UNENCODED, encodeURIComponent).slice(0, MAX_PATH_LENGTH);
}

const UNENCODED = /[^\x21-\x7e]+/g;

function unusable(prefix: string, rule: string): InvalidOptionError {
  return new InvalidOptionError('prefix', `prefix ${rule}; received ${JSON.stringify(prefix.slice(0, 80))}`);
}
