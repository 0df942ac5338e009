import { realTime, type StopTimer, type Time } from '../core/time.js';
import { CLOSED, type DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';
import type { ResolvedHealthCheck } from './health-options.js';
import { requestThrough } from './health-request.js';

/** The rotation whose proxies are checked. */
export interface HealthOwner {
  now(): number;
  /** @param failure `undefined` if the proxy works, `'unknown'` if the check says nothing about it */
  checked(proxy: EgressProxy, beganAt: number, failure: DialError | 'unknown' | undefined): void;
}

/** Checks at a time: enough to get round in time, where each takes as long as it may. */
const FEWEST = 16;
const MOST = 256;

/** Checks in a row, each by another address, after which it is the gateway that fails. */
const MOST_MISSED = 3;

/** When this process may be able to check again. */
const SOON_MS = 1000;

/** How often somebody looks whose turn it is. */
const LOOK_MS = 250;

/**
 * Checks proxies in the background, so that calls meet none that hangs. What all proxies fail with is the failure of the
 * checked URL, and nobody's.
 */
export class HealthChecks {
  readonly #options: ResolvedHealthCheck;
  readonly #owner: HealthOwner;
  readonly #list: () => readonly EgressProxy[];
  readonly #stop: StopTimer;
  readonly #checkedAt = new WeakMap<EgressProxy, number>();
  /** When those are checked again whose check has told nothing. */
  readonly #againAt = new WeakMap<EgressProxy, number>();
  /** Checks in a row that have failed by one address of a gateway. */
  readonly #missed = new WeakMap<EgressProxy, number>();
  readonly #running = new Map<EgressProxy, AbortController>();
  #queue: EgressProxy[] = [];
  /** Those that could not reach the checked URL, until it is known whether others can. */
  readonly #suspects = new Map<EgressProxy, Suspect>();
  /** Those to be checked for the sake of comparing. */
  readonly #controls = new Set<EgressProxy>();
  /** The last two proxies through which a check went well, and when that was. */
  #passes: (readonly [proxy: EgressProxy, at: number])[] = [];
  readonly #startedAt: number;
  #closed = false;

  constructor(
    options: ResolvedHealthCheck,
    list: () => readonly EgressProxy[],
    owner: HealthOwner,
    time: Time = realTime,
  ) {
    this.#options = options;
    this.#list = list;
    this.#owner = owner;
    this.#startedAt = owner.now();
    this.#stop = time.every(Math.min(LOOK_MS, options.intervalMs), () => this.look());
    // Not at once: the rotation is still being made.
    time.after(1, () => this.look());
  }

  /**
   * Whether calls leave it to the checks to try what may not work. They do not where the checks themselves fail: what is
   * wrong may be the checked URL.
   */
  get leads(): boolean {
    const { intervalMs, timeoutMs } = this.#options;
    const now = this.#owner.now();
    const [, passedAt = Number.NEGATIVE_INFINITY] = this.#passes[0] ?? [];
    return (
      now - passedAt <= 2 * intervalMs + timeoutMs ||
      (now - this.#startedAt <= timeoutMs && this.#mayPass(now))
    );
  }

  /** A first check may still go well: not all have failed. */
  #mayPass(now: number): boolean {
    return this.#list().some(
      (proxy) =>
        proxy.isChecked && !this.#suspects.has(proxy) && proxy.cooldown.state(now) !== 'cooling-down',
    );
  }

  /** Checks the proxies whose turn it is. */
  look(): void {
    if (this.#closed) return;
    const now = this.#owner.now();
    this.#queue = this.#list().filter((proxy) => proxy.isChecked && this.#isDue(proxy, now));
    this.#fill();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#stop();
    for (const check of this.#running.values()) check.abort();
  }

  #isDue(proxy: EgressProxy, now: number): boolean {
    if (this.#running.has(proxy)) return false;
    const state = proxy.cooldown.state(now);
    if (state === 'due') return now >= (this.#againAt.get(proxy) ?? 0);
    if (state !== 'ok') return false;
    return now - (this.#checkedAt.get(proxy) ?? Number.NEGATIVE_INFINITY) >= this.#options.intervalMs;
  }

  #fill(): void {
    const { intervalMs, timeoutMs } = this.#options;
    const needed = Math.ceil((this.#list().length * timeoutMs) / intervalMs);
    const atOnce = Math.min(MOST, Math.max(FEWEST, needed));
    while (this.#running.size < atOnce) {
      const proxy = this.#queue.shift();
      if (!proxy) return;
      this.#check(proxy).catch(() => {});
    }
  }

  async #check(proxy: EgressProxy): Promise<void> {
    const beganAt = this.#owner.now();
    const wasControl = this.#controls.delete(proxy);
    const check = new AbortController();
    this.#running.set(proxy, check);
    this.#checkedAt.set(proxy, beganAt);
    proxy.cooldown.begin(beganAt);
    const failure = await requestThrough(proxy, this.#options, check.signal);
    this.#running.delete(proxy);
    if (this.#closed) return;
    if (failure === undefined) this.#passed(proxy, beganAt);
    else this.#owner.checked(proxy, beganAt, this.#verdict(proxy, beganAt, failure, wasControl));
    this.#fill();
  }

  #passed(proxy: EgressProxy, beganAt: number): void {
    this.#missed.delete(proxy);
    this.#suspects.delete(proxy);
    this.#passes = [[proxy, this.#owner.now()], ...this.#passes.filter(([one]) => one !== proxy).slice(0, 1)];
    this.#owner.checked(proxy, beganAt, undefined);
    for (const [suspect, { beganAt: since, endedAt, failure }] of [...this.#suspects]) {
      this.#suspects.delete(suspect);
      // Where that was before, the checked URL may have been at fault then.
      if (beganAt > endedAt) continue;
      if (this.#list().includes(suspect)) this.#owner.checked(suspect, since, this.#blame(suspect, failure));
    }
  }

  #verdict(
    proxy: EgressProxy,
    beganAt: number,
    failure: DialError | 'self',
    wasControl: boolean,
  ): DialError | 'unknown' {
    const { intervalMs } = this.#options;
    if (failure === 'self') {
      this.#againAt.set(proxy, beganAt + Math.min(intervalMs, SOON_MS));
      return 'unknown';
    }
    // Some proxies hang up where they cannot reach a target.
    if (failure.concerns === 'proxy' && failure.reason !== CLOSED) return failure;
    if (this.#passes.some(([other, at]) => other !== proxy && at >= beganAt))
      return this.#blame(proxy, failure);
    this.#suspects.set(proxy, { beganAt, failure, endedAt: this.#owner.now() });
    this.#againAt.set(proxy, beganAt + intervalMs);
    if (!wasControl) this.#compare(proxy);
    return 'unknown';
  }

  /** Has it checked again beside another, so that it is known whether the checked URL is at fault. */
  #compare(proxy: EgressProxy): void {
    const [other] = this.#passes.find(([one]) => one !== proxy) ?? [];
    if (!other) return;
    for (const one of [proxy, other]) {
      this.#controls.add(one);
      this.#checkedAt.delete(one);
      this.#againAt.delete(one);
    }
  }

  /** Others reach the checked URL. Of a gateway, it was one address, and the next check goes by another. */
  #blame(proxy: EgressProxy, failure: DialError): DialError | 'unknown' {
    this.#againAt.delete(proxy);
    const missed = (this.#missed.get(proxy) ?? 0) + 1;
    this.#missed.set(proxy, missed);
    return proxy.isGateway && missed < MOST_MISSED ? 'unknown' : failure;
  }
}

/** A check that has failed. */
interface Suspect {
  readonly beganAt: number;
  readonly endedAt: number;
  readonly failure: DialError;
}
