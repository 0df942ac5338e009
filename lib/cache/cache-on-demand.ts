import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheCounts, CacheHandler } from './cache.js';
import { newTally } from './cache-context.js';

/** The counters of a cache that was never used. */
const NOTHING_SEEN: CacheCounts = Object.freeze({
  entries: 0,
  bytes: 0,
  evictions: 0,
  ...newTally(),
  notStored: Object.freeze({}),
});

/**
 * A cache in the memory of this process that is made by the first call: a gateway may have thousands of APIs, most of
 * which are never called.
 * @param make it must not throw
 */
export function cacheOnDemand(make: () => CacheHandler): CacheHandler {
  let made: CacheHandler | undefined;
  let closed = false;

  function opened(): CacheHandler {
    made ??= make();
    if (closed) void made.close();
    return made;
  }

  function cache(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    (made ?? opened())(req, res, next);
  }

  return Object.assign(cache, {
    purge: (target: Parameters<CacheHandler['purge']>[0]) => opened().purge(target),
    keyOf: (request: Parameters<CacheHandler['keyOf']>[0]) => opened().keyOf(request),
    counts: () => made?.counts() ?? NOTHING_SEEN,
    reset: async () => {
      await made?.reset();
    },
    close: async () => {
      closed = true;
      await made?.close();
    },
  });
}
