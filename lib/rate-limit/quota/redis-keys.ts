import { hash } from 'node:crypto';
import { hashTag } from '../../redis/hash-tag.js';

/** Names of what one API's limiter keeps in Redis. */
export interface RedisKeys {
  quota(tier: string, key: string): string;
  gate(credential: string, proxy: string | undefined): string;
}

/** Longer keys of clients are kept as their digest. */
const MAX_LENGTH = 64;

/** Keys of the form `{prefix:api}:quota:limit:key`; the braces keep all of an API on one node of a Cluster. */
export function redisKeys(prefix: string, api: string): RedisKeys {
  const tag = hashTag(prefix, api);
  return {
    quota: (tier, key) => `${tag}:quota:${tier}:${key}`,
    gate: (credential, proxy) => `${tag}:gate:${credential}:${proxy === undefined ? '' : `=${proxy}`}`,
  };
}

/** A key of a client as it is kept: of bounded length. */
export function boundedKey(key: string): string {
  return key.length > MAX_LENGTH ? `#${hash('sha256', key, 'base64url')}` : key;
}
