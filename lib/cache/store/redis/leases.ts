import { randomBytes } from 'node:crypto';
import type { RedisLink } from '../../../redis/link.js';
import type { RedisSubscriber } from '../../../redis/subscriber.js';
import type { Lease } from '../store.js';
import { leaseKey } from './keys.js';
import { REDIS_SCRIPTS, runScript } from './scripts.js';

/**
 * How long a lease lasts that nobody renews: longer than a stall of Redis or of its holder, and short beside what a
 * client would wait for one whose holder is gone.
 */
const LEASE_MS = 1500;
/** How often those of a process are renewed. */
const RENEW_MS = 500;
/** Longest interval between two polls of a lease whose release cannot be heard. */
const POLL_MS = 50;

/** The right to fetch a key, among all processes that share a Redis. */
export class RedisLeases {
  readonly #link: RedisLink;
  readonly #subscriber: RedisSubscriber;
  /** Names of the leases that are held, by their tokens. */
  readonly #held = new Map<string, string>();
  #renewal: NodeJS.Timeout | undefined;

  constructor(link: RedisLink, subscriber: RedisSubscriber) {
    this.#link = link;
    this.#subscriber = subscriber;
  }

  /**
   * @returns `undefined` where another process has it, once that one has released it, has stored the response, is gone,
   * or `ttlMs` have passed
   */
  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    const name = leaseKey(key);
    const token = randomBytes(16).toString('base64url');
    const lifetime = Math.max(1, Math.ceil(Math.min(ttlMs, LEASE_MS)));
    const reply = await this.#link.lookUp(key, () =>
      this.#link.client.set(name, token, 'PX', lifetime, 'NX'),
    );
    // Without Redis each process is on its own. A command that timed out is still executed, so its lease is released
    // as well.
    if (!reply.ok || reply.value === 'OK') {
      this.#hold(name, token);
      return { release: () => this.#release(name, token) };
    }
    await this.#untilFree(key, name, ttlMs);
    return undefined;
  }

  close(): void {
    clearInterval(this.#renewal);
    this.#held.clear();
  }

  #hold(name: string, token: string): void {
    this.#held.set(token, name);
    this.#renewal ??= setInterval(() => this.#renew(), RENEW_MS).unref();
  }

  #renew(): void {
    if (this.#held.size === 0) {
      clearInterval(this.#renewal);
      this.#renewal = undefined;
    }
    for (const [token, name] of this.#held)
      this.#link.insist(() => runScript(this.#link.client, REDIS_SCRIPTS.renew, [name], [token, LEASE_MS]));
  }

  #release(name: string, token: string): void {
    if (!this.#held.delete(token)) return;
    this.#link.insist(() => runScript(this.#link.client, REDIS_SCRIPTS.release, [name], [token, name]));
  }

  async #untilFree(key: string, name: string, ttlMs: number): Promise<void> {
    const giveUpAt = performance.now() + ttlMs;
    const bell = new Bell();
    const subscription = this.#subscriber.listen(name, () => bell.ring());
    try {
      const heard = await subscription.heard;
      while (!bell.rung) {
        // Polled after subscribing: an earlier release would not be announced again.
        const left = Math.min(await this.#leftMs(key, name), giveUpAt - performance.now());
        if (left <= 0) return;
        await bell.within(heard ? left : Math.min(left, POLL_MS * (0.5 + Math.random() / 2)));
      }
    } finally {
      subscription.stop();
    }
  }

  /** Time left on a lease; 0 where it is free or unknown. */
  async #leftMs(key: string, name: string): Promise<number> {
    const reply = await this.#link.lookUp(key, () => this.#link.client.pttl(name));
    return reply.ok ? Math.max(0, Number(reply.value)) : 0;
  }
}

/** A signal that can be awaited with a time limit. */
class Bell {
  #rung = false;
  #wake: () => void = () => {};

  get rung(): boolean {
    return this.#rung;
  }

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves when it rings, or after this time at the latest. */
  within(limitMs: number): Promise<void> {
    if (this.#rung) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
