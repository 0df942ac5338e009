import { hash } from 'node:crypto';
import { hashTag } from '../../redis/hash-tag.js';

/** Redis keys of one API's limiter. */
export interface RedisKeys {
  quota(tier: string, key: string): string;
  gate(credential: string, proxy: string | undefined, limit?: string): string;
  /** Which limits an account has. */
  account(credential: string, proxy: string | undefined): string;
}

/** Longer client keys are replaced by their digest. */
const MAX_LENGTH = 64;

/**
 * Keys of the form `{prefix:api}:quota:limit:key`; the braces keep all keys of an API on one node of a Cluster. Each algorithm
 * has its own: it keeps a value of another kind, and processes of one fleet may have different ones while it is updated.
 */
export function redisKeys(prefix: string, api: string): RedisKeys {
  const tag = hashTag(prefix, api);
  return {
    quota: (tier, key) => `${tag}:quota:${tier}:${key}`,
    gate: (credential, proxy, limit = '') =>
      `${tag}:gate:${credential}:${proxyPart(proxy)}${limit && `:${boundedKey(limit)}`}`,
    account: (credential, proxy) => `${tag}:limits:${credential}:${proxyPart(proxy)}`,
  };
}

const proxyPart = (proxy: string | undefined) => (proxy === undefined ? '' : `=${proxy}`);

/** A client key, bounded in length. */
export function boundedKey(key: string): string {
  return key.length > MAX_LENGTH ? `#${hash('sha256', key, 'base64url')}` : key;
}
