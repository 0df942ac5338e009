import { randomBytes } from 'node:crypto';
import type { RedisLink } from '../../../redis/link.js';
import type { RedisSubscriber } from '../../../redis/subscriber.js';
import type { Lease } from '../store.js';
import { leaseKey } from './keys.js';
import { REDIS_SCRIPTS, runScript } from './scripts.js';

/** Longest interval between two polls of a lease whose release cannot be heard. */
const POLL_MS = 50;

/** The right to fetch a key, among all processes that share a Redis. */
export class RedisLeases {
  readonly #link: RedisLink;
  readonly #subscriber: RedisSubscriber;

  constructor(link: RedisLink, subscriber: RedisSubscriber) {
    this.#link = link;
    this.#subscriber = subscriber;
  }

  /**
   * @returns `undefined` where another process has it, once that one has released it, has stored the response, or its
   * time is up
   */
  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    const name = leaseKey(key);
    const token = randomBytes(16).toString('base64url');
    const lifetime = Math.max(1, Math.ceil(ttlMs));
    const reply = await this.#link.lookUp(key, () =>
      this.#link.client.set(name, token, 'PX', lifetime, 'NX'),
    );
    // Without Redis each process is on its own. A command that timed out is still executed, so its lease is released
    // as well.
    if (!reply.ok || reply.value === 'OK') return { release: () => this.#release(name, token) };
    await this.#untilFree(key, name, lifetime);
    return undefined;
  }

  #release(name: string, token: string): void {
    void this.#link.run(() => runScript(this.#link.client, REDIS_SCRIPTS.release, [name], [token, name]));
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
