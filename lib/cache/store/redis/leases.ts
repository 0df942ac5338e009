import { randomBytes } from 'node:crypto';
import type { RedisLink } from '../../../redis/link.js';
import type { Channels } from '../../../redis/subscriber.js';
import type { Lease } from '../store.js';
import { leaseKey } from './keys.js';
import { REDIS_SCRIPTS, runScript } from './scripts.js';

/**
 * How long a lease lasts that nobody renews: longer than the time between two renewals and a stall of Redis or of its
 * holder, and short beside what a client would wait for one whose holder is gone.
 */
const LEASE_MS = 1100;
/** How often those of a process are renewed. */
const RENEW_MS = 300;
/** Longest interval between two polls of a lease whose release cannot be heard. */
const POLL_MS = 50;

/** How a holder's lease has ended that brought no response. */
const FAILED = 'failed';

/** The right to fetch a key, among all processes that share a Redis. */
export class RedisLeases {
  readonly #link: RedisLink;
  readonly #channels: Channels;
  /** Names of the leases that are held, by their tokens. */
  readonly #held = new Map<string, string>();
  #renewal: NodeJS.Timeout | undefined;

  constructor(link: RedisLink, channels: Channels) {
    this.#link = link;
    this.#channels = channels;
  }

  /**
   * @returns `undefined` where another process has it, once that one has released it, has stored the response, is gone,
   * or `ttlMs` have passed
   */
  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    const name = leaseKey(key);
    const token = randomBytes(16).toString('base64url');
    const giveUpAt = performance.now() + ttlMs;
    for (let waited = false; ; waited = true) {
      const leftMs = giveUpAt - performance.now();
      if (waited && leftMs <= 0) return undefined;
      if (await this.#take(key, name, token, leftMs)) {
        this.#hold(name, token);
        return { waited, release: (failed = false) => this.#release(name, token, failed) };
      }
      // One of those that wait goes on in place of a holder that failed or is gone, and not all of them.
      if ((await this.#untilFree(key, name, giveUpAt)) === 'released') return undefined;
    }
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

  #release(name: string, token: string, failed: boolean): void {
    if (!this.#held.delete(token)) return;
    const end = failed ? FAILED : 'released';
    this.#link.insist(() => runScript(this.#link.client, REDIS_SCRIPTS.release, [name], [token, name, end]));
  }

  async #take(key: string, name: string, token: string, ttlMs: number): Promise<boolean> {
    const lifetime = Math.max(1, Math.ceil(Math.min(ttlMs, LEASE_MS)));
    const reply = await this.#link.lookUp(key, () =>
      this.#link.client.set(name, token, 'PX', lifetime, 'NX'),
    );
    // Without Redis each process is on its own. A command that timed out is still executed, so its lease is released
    // as well.
    return !reply.ok || reply.value === 'OK';
  }

  /** @returns `over` where its holder failed or is gone, or the time is up */
  async #untilFree(key: string, name: string, giveUpAt: number): Promise<'released' | 'over'> {
    const bell = new Bell();
    let end: 'released' | 'over' | undefined;
    let heard = true;
    const subscription = this.#channels.listen(name, (message) => {
      // A lost connection says nothing of the lease.
      if (message === undefined) heard = false;
      else end = message === FAILED ? 'over' : 'released';
      bell.ring();
    });
    try {
      heard = (await subscription.heard) && heard;
      for (let polls = 0; end === undefined; polls++) {
        // Polled after subscribing: an earlier release would not be announced again.
        const leftMs = await this.#leftMs(key, name);
        if (leftMs === undefined) return 'released';
        const left = Math.min(leftMs, giveUpAt - performance.now());
        // How one has ended that was free before anything could be heard of it is not known.
        if (left <= 0) return polls === 0 ? 'released' : 'over';
        await bell.within(heard ? left : Math.min(left, POLL_MS * (0.5 + Math.random() / 2)));
      }
      return end;
    } finally {
      subscription.stop();
    }
  }

  /** Time left on a lease; 0 where it is free, and `undefined` where that is unknown. */
  async #leftMs(key: string, name: string): Promise<number | undefined> {
    const reply = await this.#link.lookUp(key, () => this.#link.client.pttl(name));
    if (!reply.ok) return undefined;
    const left = Number(reply.value);
    // In its last millisecond it is told as 0 and still held.
    return left < 0 ? 0 : Math.max(1, left);
  }
}

/** A signal that can be awaited with a time limit, again and again. */
class Bell {
  #rung = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves when it rings, at once where it has rung since the last time, or after this time at the latest. */
  async within(limitMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        timer.unref();
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rung = false;
  }
}
