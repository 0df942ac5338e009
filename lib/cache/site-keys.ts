import { hash } from 'node:crypto';
import { credentialRule } from '../core/credential-headers.js';
import { describe } from '../core/errors.js';
import { settledNow } from '../core/settled-now.js';
import type { CacheSite } from './cache-context.js';
import type { ResolvedCache } from './cache-options.js';
import { type CacheKeys, cacheKeys, KEY_VERSION } from './policy/key.js';

/** The keys of a cache with these options where it is mounted. */
export function siteKeys(options: ResolvedCache, site: CacheSite): CacheKeys {
  const { mode, headers, sharedAcrossCredentials, sortQuery, prefix, name } = options;
  const { credentialHeaders: also, credentialExceptions: except } = options;
  const headerStrategy = site.readsAll ? 'all' : options.headerStrategy;
  const rules = { headerStrategy, headers, sharedAcrossCredentials, sortQuery, also, except };
  // What another version, mode or rule has stored under an equal key would be something else.
  const identity = hash('sha256', JSON.stringify([KEY_VERSION, mode, rules, site.identity]), 'base64url');
  return cacheKeys({
    ...rules,
    prefix,
    api: name,
    identity: identity.slice(0, IDENTITY_LENGTH),
    isCredential: credentialRule({ also, except }),
    reaches: site.reaches,
    namesHost: site.namesHost,
    injectedHeaders: site.injectedHeaders,
  });
}

const IDENTITY_LENGTH = 12;

/** An object would be "[object Object]" in the key of everyone. */
export function checkedExtra(extra: unknown): string | undefined {
  settledNow(extra, 'cache.key');
  if (extra === undefined || typeof extra === 'string') return extra;
  throw new TypeError(`cache.key must return a string or undefined; received ${describe(extra)}`);
}
