import { randomUUID } from 'node:crypto';
import { Closing } from '../../../core/closing.js';
import { type Clock, steadyClock } from '../../../core/steady-clock.js';
import { openChannels, openRedis } from '../../../redis/client.js';
import { RedisLink } from '../../../redis/link.js';
import type { RedisReply } from '../../../redis/reply.js';
import type { StoredVariant } from '../entry.js';
import { decodeEntry, encodeEntry, parseHead } from '../entry-codec.js';
import { KnownHeads } from '../known-heads.js';
import type { CacheStore, Lease, PurgeTarget, StoreCounts, StoredUnder } from '../store.js';
import { RedisClock, shifted } from './clock.js';
import { Epochs, stampedValue } from './epochs.js';
import { epochsKey, expiryKey, hashTagOf, indexKey, leaseKey, tagKey } from './keys.js';
import { RedisLeases } from './leases.js';
import { type RedisStoreOptions, resolveRedisStoreOptions } from './options.js';
import { PendingWrites } from './pending.js';
import { purgeMessage, purgeOf } from './purge-message.js';
import { RedisPurges } from './purges.js';
import { RecentWrites } from './recent-writes.js';
import { REDIS_SCRIPTS, runScript } from './scripts.js';

/** State of a store's connection to Redis. */
export interface RedisStoreHealth {
  /** Whether Redis is in use. Otherwise each look-up is a miss, and nothing is stored. */
  readonly usable: boolean;
  /** Whether too many look-ups timed out on the current connection. */
  readonly circuitIsOpen: boolean;
  /** Code of the last error, such as `ECONNREFUSED`, `TIMEOUT` or `WRONGPASS`. Never a message. */
  readonly lastError: string | undefined;
  /** Values that were not stored because Redis was away or too far behind. */
  readonly notStored: number;
}

/** A store that several processes share. */
export interface SharedCacheStore extends CacheStore {
  /**
   * Calls back when another process purges or deletes; with `undefined` when such a message may have been missed.
   * @returns unsubscribes
   */
  onPurge(listener: (target: PurgeTarget | undefined) => void): () => void;
  lease(key: string, ttlMs: number): Promise<Lease | undefined>;
  /** Whether it is in use at the moment; where not, each look-up is a miss. */
  isUsable(): boolean;
}

/** What `redisStore()` returns. */
export interface RedisStore extends SharedCacheStore {
  /** State of its connection to Redis. */
  health(): RedisStoreHealth;
}

/** The longest lifetime Redis accepts, more than a thousand years. */
const MAX_LIFETIME_MS = 2 ** 45;

/**
 * Keeps responses in Redis, shared by all processes: a hit is one command, a store is one that no request waits for.
 * While Redis is away or slow every look-up is a miss.
 *
 * In `counts()`, entries and bytes are those still being written: Redis counts, and evicts, by itself.
 * @param now the clock of the stored times, which never goes back; for tests
 * @throws InvalidOptionError
 */
export function redisStore(options: RedisStoreOptions, now: Clock = steadyClock): RedisStore {
  const resolved = resolveRedisStoreOptions(options);
  const { prefix, commandTimeoutMs, maxEntryBytes, maxPendingBytes } = resolved;
  const opened = openRedis(resolved.redis);
  const link = new RedisLink(opened, { ...resolved, part: 'cache' });
  const { client } = link;
  const channels = openChannels(opened, commandTimeoutMs);
  const leases = new RedisLeases(link, channels);
  const pending = new PendingWrites(maxPendingBytes);
  const channel = `${prefix}purge`;
  const sender = randomUUID();
  const purges = new RedisPurges(link, (target) => {
    void link.run(() => client.publish(channel, purgeMessage(sender, target)));
  });
  const clock = new RedisClock(link, now, () => {
    heads = knownHeads();
  });
  // Their times are on this process' clock.
  const knownHeads = () =>
    new KnownHeads((text) => {
      const head = parseHead(text);
      return head && shifted(head, -clock.aheadMs);
    });
  let heads = knownHeads();
  const readHead = (text: string) => heads.read(text);
  const epochs = new Epochs();
  const recent = new RecentWrites(now);
  const closing = new Closing();
  let corrupt = 0;
  let notStored = 0;

  function read(key: string): Promise<readonly StoredVariant[] | undefined> {
    const epochsAt = epochsKey(hashTagOf(key));
    return link.lookUp(key, () => client.mgetBuffer(key, epochsAt)).then((reply) => readable(key, reply));
  }

  function readable(key: string, reply: RedisReply<(Buffer | null)[]>): readonly StoredVariant[] | undefined {
    const [bytes, told] = reply.ok ? reply.value : [];
    if (!bytes) return undefined;
    const stamped = stampedValue(bytes);
    const variants = stamped && decodeEntry(stamped.value, readHead);
    if (!variants) return unreadable(key);
    if (epochs.hide(told?.toString('latin1'), stamped.epoch, variants)) return undefined;
    return purges.hides(key, variants) ? undefined : variants;
  }

  function unreadable(key: string): undefined {
    corrupt++;
    purges.drop(key);
  }

  async function write(
    key: string,
    variants: readonly StoredVariant[],
    under: StoredUnder,
    lifetimeMs: number,
  ): Promise<void> {
    const { aheadMs } = clock;
    const value = encodeEntry(variants.map(({ meta, body }) => ({ meta: shifted(meta, aheadMs), body })));
    const done = pending.begin(key, variants, under, value.length);
    if (!done) {
      notStored++;
      return;
    }
    const hashTag = hashTagOf(key);
    const lease = leaseKey(key);
    const tags = under.tags.map((tag) => tagKey(hashTag, tag));
    const reply = await link.run(() =>
      runScript(
        client,
        REDIS_SCRIPTS.store,
        [key, indexKey(hashTag), expiryKey(hashTag), lease, epochsKey(hashTag), ...tags],
        [value, lifetimeMs, key, lease, ...tags],
      ),
    );
    done();
    if (reply.ok) recent.add(key, under.tags);
    else notStored++;
  }

  return {
    get(key) {
      const written = pending.get(key);
      if (written) return written;
      if (link.usable) return read(key);
      link.decideLocally();
      return undefined;
    },

    set(key, variants, under) {
      const lifetimeMs = Math.min(Math.ceil(under.keepUntil - now()), MAX_LIFETIME_MS);
      const fitting = fittingVariants(variants, maxEntryBytes);
      if (fitting.length > 0 && lifetimeMs > 0) return void write(key, fitting, under, lifetimeMs);
      // What it would have replaced is over.
      pending.purge({ key });
      purges.drop(key);
    },

    delete(key) {
      pending.purge({ key });
      void purges.purge({ key });
    },

    purge(target) {
      pending.purge(target);
      return purges.purge(target);
    },

    lease: (key, ttlMs) => leases.lease(key, ttlMs),

    onPurge(listener) {
      return channels.listen(channel, (message) => {
        // While Redis is away nobody purges there, and nothing is stored: each attempt to connect would tell it again.
        if (message === undefined) return link.usable ? listener(undefined) : undefined;
        const news = purgeOf(message);
        if (!news || news.sender === sender) return;
        for (const key of recent.take(news.target)) void purges.purge({ key });
        listener(news.target);
      }).stop;
    },

    counts: (): StoreCounts => ({ entries: pending.size, bytes: pending.bytes, evictions: 0, corrupt }),

    isUsable: () => link.usable,

    health: () => ({
      usable: link.usable,
      circuitIsOpen: link.circuitIsOpen,
      lastError: link.lastError,
      notStored,
    }),

    close: () =>
      closing.begin(async () => {
        leases.close();
        await Promise.all([link.close(), channels.close()]);
        pending.clear();
      }),
  };
}

/** As many of the variants, newest first, as fit into one value. */
function fittingVariants(variants: readonly StoredVariant[], maxBytes: number): readonly StoredVariant[] {
  let bytes = 0;
  const over = variants.findIndex(({ meta }) => {
    bytes += meta.bodyLength;
    return bytes > maxBytes;
  });
  return over < 0 ? variants : variants.slice(0, over);
}
