import { Closing } from '../core/closing.js';
import type { Family, Row } from '../core/metric-family.js';
import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { type CacheCounts, type CacheHandler, cache } from './cache.js';
import { cacheOnDemand } from './cache-on-demand.js';
import { type CacheOptions, cacheFileShape, cacheSchema, resolveCache } from './cache-options.js';
import { apiSite } from './cache-site.js';
import { CacheStores } from './cache-stores.js';
import { otherCaches } from './other-caches.js';

/** The block `cache` of an API, whose name is the cache's. */
type CacheBlock = Omit<CacheOptions, 'name'>;

export const cachePart: Part<'cache', CacheBlock, CacheHandler, CacheStores> = {
  name: 'cache',
  options: { schema: without(cacheSchema, ['name']), file: cacheFileShape, preset: false },
  madeFrom: ({ responses }) => responses,
  share: (redis, options, { cacheBytes }) => new CacheStores(redis, options, cacheBytes),
  reset: (handler) => handler.reset(),
  make(options, { name, forward, foreign, responses, redis, machine }, stores) {
    const given = { ...options, prefix: options.prefix ?? stores.prefix, name };
    const open = () => {
      const store = stores.storeFor(options);
      const made = cache(
        { ...given, ...(store ? { store } : {}) },
        {
          ...apiSite(forward, { foreign, responses }),
          others: machine && !redis ? otherCaches(machine, name) : undefined,
        },
      );
      return store ? closedWith(made, store) : made;
    };
    // Redis and the other processes have something to tell it.
    if (redis || machine || (options.store !== undefined && options.store !== 'memory')) return open();
    resolveCache(given);
    return cacheOnDemand(open);
  },
  status: { route: '/cache-status', list: 'caches', read: (handler) => handler.counts() },
  families,
};

function closedWith(handler: CacheHandler, store: { close(): Promise<void> }): CacheHandler {
  const closing = new Closing();
  const { close } = handler;
  return Object.assign(handler, {
    close: () => closing.begin(() => Promise.all([close(), store.close()])),
  });
}

function families(list: () => Iterable<readonly [api: string, handler: CacheHandler]>): Family[] {
  const family = (
    type: Family['type'],
    name: string,
    help: string,
    of: Exclude<keyof CacheCounts, 'notStored'>,
  ): Family => ({
    type,
    name,
    help,
    labels: ['api'],
    rows: () => [...list()].map(([api, handler]): Row => [{ api }, handler.counts()[of]]),
  });
  return [
    family('gauge', 'cache_entries', 'Keys that the memory of a cache holds.', 'entries'),
    family('gauge', 'cache_bytes', 'Bytes that the memory of a cache holds.', 'bytes'),
    family(
      'counter',
      'cache_evictions_total',
      'Keys that gave way to others in the memory of a cache.',
      'evictions',
    ),
    {
      type: 'counter',
      name: 'cache_not_stored_total',
      help: 'Responses that a cache did not store, by reason.',
      labels: ['api', 'reason'],
      rows: () =>
        [...list()].flatMap(([api, handler]) =>
          Object.entries(handler.counts().notStored).map(([reason, count]): Row => [{ api, reason }, count]),
        ),
    },
  ];
}
