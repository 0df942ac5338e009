import { hash } from 'node:crypto';

/**
 * `{prefix:api}` of a key, or of the beginning of keys; empty where it is cut off before its end. It is the hash tag of
 * everything that belongs to an API, so that one command can touch all of it in a Redis Cluster too.
 */
export function hashTagOf(key: string): string {
  return key.slice(0, key.indexOf('}') + 1);
}

// A key of an answer has a colon after the hash tag. What is not an answer has a letter there: no path that a
// client thinks up leads to it.

/** Sorted set of all keys of an API, each with score 0, so that those below a path are one range. */
export const indexKey = (hashTag: string): string => `${hashTag}index`;

/** Sorted set of the same keys by the time at which Redis lets go of them. */
export const expiryKey = (hashTag: string): string => `${hashTag}expiry`;

/** Sorted set of the keys that carry a tag, by the time at which Redis lets go of them. */
export const tagKey = (hashTag: string, tag: string): string =>
  `${hashTag}tag:${hash('sha256', tag, 'base64url')}`;

/** Held by the one process that fetches `key`; the channel on which its release is told has the same name. */
export const leaseKey = (key: string): string => {
  const hashTag = hashTagOf(key);
  return `${hashTag}lease${key.slice(hashTag.length)}`;
};
