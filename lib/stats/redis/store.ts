import { randomUUID } from 'node:crypto';
import type { Time } from '../../core/time.js';
import { openRedis, type RedisConnection } from '../../redis/client.js';
import { RedisLink } from '../../redis/link.js';
import type { RedisReply } from '../../redis/reply.js';
import { Book, WHOLE } from '../book.js';
import type { Delta } from '../digest/delta.js';
import { LastReplies } from '../last-replies.js';
import type { StatsLimits } from '../memory-stats-store.js';
import type { Reading, ReadRequest, StatsHealth, StatsStore } from '../stats-store.js';
import { commitOf, freshDeltas, pagesToRead } from './compaction.js';
import { apisKey, type StatsKeys, statsKeys } from './keys.js';
import { Lane } from './lane.js';
import { type Fetched, fetchPages, readFetched, type WantedPage, wantedPages } from './page.js';
import { COMMIT } from './scripts.js';

/** Options of a {@link RedisStatsStore}. */
export interface RedisStatsOptions extends StatsLimits {
  readonly redis: RedisConnection;
  readonly prefix: string;
}

/** Batches are merged into the pages when the list is this long. */
const COMPACT_AT = 32;
/** At this length the process that should have merged them has failed to. */
const COMPACT_ANYWAY_AT = 4 * COMPACT_AT;
/** No request waits for these. */
const COMMAND_TIMEOUT_MS = 2000;
const CLOSE_WITHIN_MS = 2000;

/**
 * Keeps statistics in Redis, for all processes. Each flush appends one batch per API to a list, with one command; now
 * and then one of the processes merges the list into the pages. A reader takes the pages and adds what is still on
 * the list.
 */
export class RedisStatsStore implements StatsStore {
  readonly #options: RedisStatsOptions;
  readonly #time: Time;
  readonly #link: RedisLink;
  readonly #writer = randomUUID();
  readonly #lanes = new Map<string, Lane>();
  readonly #lastReplies = new LastReplies();
  readonly #compacting = new Map<string, Promise<void>>();
  /** APIs whose names are in the Redis set. */
  #listed = new Set<string>();
  #corrupt = 0;
  #lastError: string | undefined;

  constructor(options: RedisStatsOptions, time: Time) {
    this.#options = options;
    this.#time = time;
    this.#link = new RedisLink(openRedis(options.redis), {
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      circuit: { failures: 3, resetMs: 1000 },
    });
    // Redis may have come back empty.
    this.#link.onRecovered(() => this.#listed.clear());
  }

  add(api: string, delta: Delta): void {
    let lane = this.#lanes.get(api);
    if (!lane) {
      lane = new Lane(this.#writer, this.#options.recentErrors);
      this.#lanes.set(api, lane);
    }
    lane.add(delta);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#lanes].map(([api, lane]) => this.#flushLane(api, lane)));
  }

  async apis(): Promise<readonly string[]> {
    const { client } = this.#link;
    const key = apisKey(this.#options.prefix);
    const reply = await this.#link.lookUp(key, () => client.smembers(key));
    const stored: unknown = this.#succeeded(reply) ? reply.value : [];
    return [...new Set([...(Array.isArray(stored) ? stored.map(String) : []), ...this.#lanes.keys()])];
  }

  async read(request: ReadRequest, now: number): Promise<Reading | undefined> {
    const { api, path, pages, errors } = request;
    const wanted = wantedPages(pages, path === undefined ? undefined : [path]);
    const kept = Math.min(errors, this.#options.recentErrors);
    const reply = await this.#fetchRaw(this.#keys(api), wanted, kept);
    const last = this.#lastReplies.latest(request, reply === undefined ? undefined : { reply, wanted });
    const fetched = last && readFetched(last.reply, last.wanted, Number.POSITIVE_INFINITY);
    const lane = this.#lanes.get(api);
    if (!fetched?.known && !lane) return undefined;
    const pending = lane?.pending() ?? [];
    const book = fetched?.book ?? new Book(Number.POSITIVE_INFINITY);
    const deltas = fetched
      ? freshDeltas([...fetched.batches, ...pending], fetched, now)
      : pending.flatMap((batch) => batch.deltas);
    for (const delta of deltas) book.apply(path === undefined ? delta : onlyPath(delta, path), now);
    const newErrors = deltas.flatMap((delta) => delta.errors);
    return {
      book,
      errors: [...(fetched?.errors ?? []), ...newErrors],
      late: fetched?.state.late ?? 0,
      partial: reply === undefined,
    };
  }

  async revision(): Promise<string | undefined> {
    const { client } = this.#link;
    const apis = await this.apis();
    const parts = apis.map(async (api) => {
      const { state, news } = this.#keys(api);
      const [version, length] = await Promise.all([
        this.#link.lookUp(state, () => client.get(state)),
        this.#link.lookUp(news, () => client.llen(news)),
      ]);
      return `${version.ok && version.value}:${length.ok && length.value}`;
    });
    return [...apis, ...(await Promise.all(parts))].join(' ');
  }

  health(): StatsHealth {
    const unsent = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.unsent, 0);
    const lastError = this.#lastError ?? this.#link.lastError;
    return { usable: this.#link.usable, unsent, corrupt: this.#corrupt, lastError };
  }

  async close(): Promise<void> {
    const { steady } = this.#time;
    const until = steady() + CLOSE_WITHIN_MS;
    // The batch in flight comes first, then what waits behind it; a connection that is being made is worth the wait.
    while (this.health().unsent > 0 && steady() < until) {
      if (this.#link.usable) await this.flush();
      else await this.#recovered(until - steady());
    }
    await Promise.all(this.#compacting.values());
    await this.#link.close();
  }

  #keys(api: string): StatsKeys {
    return statsKeys(this.#options.prefix, api);
  }

  async #flushLane(api: string, lane: Lane): Promise<void> {
    if (lane.isEmpty || !this.#link.usable) return;
    const { client } = this.#link;
    const { news } = this.#keys(api);
    const sent = lane.send((bytes) => client.rpush(news, bytes));
    if (sent === undefined) return;
    sent.catch(() => {});
    const reply = await this.#link.run(() => sent);
    if (!this.#succeeded(reply)) {
      // Something else has put another type there: no batch could ever be appended.
      if (reply.reason === 'WRONGTYPE') await this.#dropCorrupt(news);
      return;
    }
    await this.#list(api);
    const length = Number(reply.value);
    if (length % COMPACT_AT === 0 || length >= COMPACT_ANYWAY_AT) void this.#compactOnce(api);
  }

  async #list(api: string): Promise<void> {
    if (this.#listed.has(api)) return;
    const { client } = this.#link;
    const key = apisKey(this.#options.prefix);
    const reply = await this.#link.run(() => client.sadd(key, api));
    if (this.#succeeded(reply)) this.#listed.add(api);
    else if (reply.reason === 'WRONGTYPE') await this.#dropCorrupt(key);
  }

  async #dropCorrupt(key: string): Promise<void> {
    this.#corrupt++;
    await this.#link.run(() => this.#link.client.del(key));
  }

  #compactOnce(api: string): Promise<void> {
    const underWay = this.#compacting.get(api);
    if (underWay !== undefined) return underWay;
    const compacting = this.#compact(api).finally(() => this.#compacting.delete(api));
    this.#compacting.set(api, compacting);
    return compacting;
  }

  /** Merges the batches into the pages; does nothing where another process has done so in the meantime. */
  async #compact(api: string): Promise<void> {
    const { recentErrors } = this.#options;
    const keys = this.#keys(api);
    const now = this.#time.wall();
    const news = await this.#fetch(keys, wantedPages([], undefined));
    if (!news || news.newsLength === 0) return;
    const wanted = pagesToRead(freshDeltas(news.batches, news, now), now);
    const base = await this.#fetch(keys, wanted);
    if (!base) return;
    const commit = commitOf(news, base.book, keys, now, recentErrors);
    const { client } = this.#link;
    const reply = await this.#link.run(() =>
      client.eval(COMMIT, commit.keys.length, ...commit.keys, ...commit.args),
    );
    if (this.#succeeded(reply) && reply.value === 1) {
      this.#corrupt += news.newsLength - news.batches.length + base.book.corrupt;
    }
  }

  async #fetch(keys: StatsKeys, wanted: readonly WantedPage[]): Promise<Fetched | undefined> {
    const reply = await this.#fetchRaw(keys, wanted, 0);
    return reply === undefined ? undefined : readFetched(reply, wanted, this.#options.maxPaths);
  }

  async #fetchRaw(keys: StatsKeys, wanted: readonly WantedPage[], errors: number): Promise<unknown> {
    const { client } = this.#link;
    const reply = await this.#link.lookUp(keys.state, () => fetchPages(client, keys, wanted, errors));
    return this.#succeeded(reply) ? reply.value : undefined;
  }

  #succeeded<T>(reply: RedisReply<T>): reply is Extract<RedisReply<T>, { ok: true }> {
    if (!reply.ok) this.#lastError = reply.reason;
    return reply.ok;
  }

  #recovered(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#time.after(withinMs, resolve);
      this.#link.onRecovered(() => {
        stop();
        resolve();
      });
    });
  }
}

function onlyPath(delta: Delta, path: string): Delta {
  const tally = delta.paths.get(path);
  return { ...delta, paths: new Map(path !== WHOLE && tally ? [[path, tally]] : []) };
}
