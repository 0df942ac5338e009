import type { PurgeTarget } from './store.js';

/**
 * Which keys it concerns that a store removes something. A tag concerns all of an API: those of a response in flight are
 * not known yet, and it was requested before the purge.
 */
export function concernedBy(target: PurgeTarget): (key: string) => boolean {
  if ('key' in target) return (key) => key === target.key;
  const begin = 'prefix' in target ? target.prefix : target.api;
  return (key) => key.startsWith(begin);
}
