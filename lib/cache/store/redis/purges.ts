import type { RedisLink } from '../../../redis/link.js';
import type { StoredVariant } from '../entry.js';
import { MissedPurges } from '../missed-purges.js';
import type { PurgeTarget } from '../store.js';
import { tagDigest } from './epochs.js';
import { epochsKey, expiryKey, hashTagOf, indexKey, tagKey } from './keys.js';
import { REDIS_SCRIPTS, runScript } from './scripts.js';

/** Keys removed per command: Redis serves other clients in between. */
const PAGE = 500;

/** A list of keys, and how its next page is read. */
interface Listing {
  readonly hashTag: string;
  readonly list: string;
  page(): Promise<string[]>;
}

/** Removes values from Redis: at once, or as soon as Redis is available again. */
export class RedisPurges {
  readonly #link: RedisLink;
  readonly #announce: (target: PurgeTarget) => void;
  readonly #missed = new MissedPurges();
  #catchingUp = false;

  /** @param announce tells other processes, once a value is removed from Redis */
  constructor(link: RedisLink, announce: (target: PurgeTarget) => void) {
    this.#link = link;
    this.#announce = announce;
    link.onRecovered(() => void this.#catchUp());
  }

  /** @returns how many values it removed; 0 also where it has to wait for Redis */
  async purge(target: PurgeTarget): Promise<number> {
    const removed = await this.#purgeNow(target);
    if (removed === undefined) this.#missed.add(target);
    else this.#carriedOut(target);
    return removed ?? 0;
  }

  /** Whether a missed purge still has to remove what Redis holds for a key. */
  hides(key: string, variants: readonly StoredVariant[]): boolean {
    const hidden = this.#missed.concern(key, variants);
    // Redis has just replied, so it can carry out the purge now.
    if (hidden) void this.#catchUp();
    return hidden;
  }

  /** Removes a value that no process can use, without announcing it. */
  drop(key: string): void {
    void this.#remove(hashTagOf(key), indexKey(hashTagOf(key)), [key]);
  }

  /** @returns `undefined` where Redis did not reply */
  #purgeNow(target: PurgeTarget): Promise<number | undefined> {
    if ('key' in target) {
      const hashTag = hashTagOf(target.key);
      return this.#remove(hashTag, indexKey(hashTag), [target.key]);
    }
    return this.#removeListed('prefix' in target ? this.#below(target.prefix) : this.#tagged(target));
  }

  #below(prefix: string): Listing {
    const hashTag = hashTagOf(prefix);
    const list = indexKey(hashTag);
    // No character of a key sorts after the tilde.
    const range = [`[${prefix}`, `(${prefix}\x7f`, PAGE];
    const page = () => this.#list(REDIS_SCRIPTS.listRange, [list, epochsKey(hashTag)], range);
    return { hashTag, list, page };
  }

  #tagged({ api, tag }: { readonly api: string; readonly tag: string }): Listing {
    const hashTag = hashTagOf(api);
    const list = tagKey(hashTag, tag);
    const keys = [list, epochsKey(hashTag), expiryKey(hashTag)];
    const page = () => this.#list(REDIS_SCRIPTS.listTagged, keys, [list, tagDigest(tag), PAGE]);
    return { hashTag, list, page };
  }

  async #list(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<string[]> {
    return (await runScript(this.#link.client, script, keys, args)) as string[];
  }

  async #removeListed({ hashTag, list, page }: Listing): Promise<number | undefined> {
    // Without a hash tag there is no list: each API has its own.
    if (hashTag === '') return 0;
    for (let total = 0; ; ) {
      const found = await this.#link.run(page);
      if (!found.ok) return undefined;
      if (found.value.length === 0) return total;
      const removed = await this.#remove(hashTag, list, found.value);
      if (removed === undefined) return undefined;
      total += removed;
      if (found.value.length < PAGE) return total;
    }
  }

  async #remove(hashTag: string, list: string, keys: readonly string[]): Promise<number | undefined> {
    const lists = [indexKey(hashTag), expiryKey(hashTag), epochsKey(hashTag), list];
    const reply = await this.#link.run(() =>
      runScript(this.#link.client, REDIS_SCRIPTS.remove, [...lists, ...keys], [list, ...keys]),
    );
    return reply.ok ? Number(reply.value) : undefined;
  }

  #carriedOut(target: PurgeTarget): void {
    this.#missed.done(target);
    // Other processes may hold copies in memory, even of what Redis has lost.
    this.#announce(target);
  }

  async #catchUp(): Promise<void> {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    await Promise.all(
      this.#missed.all().map(async (target) => {
        if ((await this.#purgeNow(target)) !== undefined) this.#carriedOut(target);
      }),
    );
    this.#catchingUp = false;
  }
}
