import { hash } from 'node:crypto';

/**
 * `{prefix:api}` of a key or of a prefix of keys; empty where it is incomplete. It is the hash tag of everything that
 * belongs to an API, so that one command can reach all of it in a Redis Cluster too.
 */
export function hashTagOf(key: string): string {
  return key.slice(0, key.indexOf('}') + 1);
}

// The key of a response has a colon after the hash tag. Other keys have a letter there, so that no path a client
// makes up can name them.

/** Sorted set of all keys of an API, each with score 0, so that the keys below a path are one range. */
export const indexKey = (hashTag: string): string => `${hashTag}index`;

/** Sorted set of the same keys by expiry time. */
export const expiryKey = (hashTag: string): string => `${hashTag}expiry`;

/** Sorted set of the keys that carry a tag, by expiry time. */
export const tagKey = (hashTag: string, tag: string): string =>
  `${hashTag}tag:${hash('sha256', tag, 'base64url')}`;

/** What look-ups of an API have to know about its purges. */
export const epochsKey = (hashTag: string): string => `${hashTag}epochs`;

/** Held by the one process that fetches `key`; the channel that announces its release has the same name. */
export const leaseKey = (key: string): string => {
  const hashTag = hashTagOf(key);
  return `${hashTag}lease${key.slice(hashTag.length)}`;
};
