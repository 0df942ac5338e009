import { randomUUID } from 'node:crypto';
import { realTime, type Time } from '../core/time.js';
import { RedisLink } from './link.js';
import type { SharedRedis } from './shared-redis.js';

/**
 * Says that this process serves, if it does, and counts all that have said so lately. It writes, so that a Redis which takes no
 * writes any more is noticed without any call. What was said in the future was said before the clock of Redis went back.
 *
 * KEYS: the processes. ARGV: this one, or nothing if it only looks; seconds after which another is forgotten
 */
const SAY = `
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], now, ARGV[1]) end
redis.call('EXPIRE', KEYS[1], 60)
return redis.call('ZCARD', KEYS[1])
`;

const EVERY_MS = 1000;
const FORGOTTEN_AFTER_S = 5;
const COMMAND_TIMEOUT_MS = 500;

/** Keeps in touch with Redis once a second, and knows how many processes that serve do. */
export class Presence {
  readonly #shared: SharedRedis;
  readonly #link: RedisLink;
  readonly #id: string;
  readonly #key: string;
  readonly #stop: () => void;

  /** @param serves whether it is one of those among which limits are divided */
  constructor(shared: SharedRedis, serves = true, time: Time = realTime) {
    this.#shared = shared;
    this.#id = serves ? randomUUID() : '';
    this.#key = `{${shared.prefix}}processes`;
    this.#link = new RedisLink(
      { client: shared.client, own: false, shared },
      { commandTimeoutMs: COMMAND_TIMEOUT_MS, circuit: { failures: 2, resetMs: EVERY_MS } },
    );
    this.#link.onRecovered(() => void this.#say());
    this.#stop = time.every(EVERY_MS, () => void this.#say());
    void this.#say();
  }

  /** Says goodbye where Redis replies. */
  async close(): Promise<void> {
    this.#stop();
    const { client } = this.#shared;
    if (this.#id) void this.#link.run(() => client.zrem(this.#key, this.#id));
    await this.#link.close();
  }

  async #say(): Promise<void> {
    const { client, health } = this.#shared;
    health.look();
    if (!this.#link.usable) return;
    const reply = await this.#link.lookUp(this.#key, () =>
      client.eval(SAY, 1, this.#key, this.#id, FORGOTTEN_AFTER_S),
    );
    if (!reply.ok) return;
    health.processes = Math.max(1, Number(reply.value) || 1);
    health.wrote();
  }
}
