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
 * What a store is to remove.
 * @throws InvalidOptionError for a prefix that could not find what it means
 */
export function purgeTarget({ apiPrefix }: CacheKeys, target: CachePurge): PurgeTarget {
  if ('key' in target) return { key: target.key };
  if ('tag' in target) return { api: apiPrefix, tag: target.tag };
  const path = pathOf(target.prefix);
  // To a store, a trailing colon means exactly one path.
  return { prefix: `${apiPrefix}${path === '/' ? '' : path.replace(/:+$/, '')}` };
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
