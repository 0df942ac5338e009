import type { ProxyListStatus } from '../core/egress-status.js';
import type { Events } from '../core/events.js';
import type { CooldownTimes } from './cooldown.js';
import type { EgressProxy, ProxyOwner } from './egress-proxy.js';
import { HealthChecks, type HealthOwner } from './health-checks.js';
import { LiveList } from './live-list.js';
import { ProxyPool } from './proxy-pool.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import type { ResolvedProxy, ResolvedProxyRotate } from './proxy-rotate-options.js';

/** The rotation that a pool is for. */
export interface PoolOwner extends ProxyOwner, HealthOwner {
  /** These are used no more. */
  removed(proxies: readonly EgressProxy[]): void;
  /** Calls that wait for a proxy may find one. */
  changed(): void;
}

/** The egress proxies of a rotation, with the list that they come from and the checks of their health. */
export class LivePool extends ProxyPool {
  readonly #list: LiveList | undefined;
  readonly #checks: HealthChecks | undefined;
  readonly #owner: PoolOwner;

  /** @param known the pool of the rotation that this one comes in the place of */
  constructor(
    options: ResolvedProxyRotate,
    times: CooldownTimes,
    events: Events<ProxyRotateEvents>,
    owner: PoolOwner,
    known: LivePool | undefined,
  ) {
    super(options, times, owner);
    this.#owner = owner;
    const { name, list, healthCheck, strategy } = options;
    if (list) {
      const listOwner = {
        take: (proxies: readonly ResolvedProxy[]) => this.#take(proxies),
        failed: () => owner.changed(),
      };
      this.#list = new LiveList(name, list, events, listOwner, known ? known.#list : undefined);
    }
    if (healthCheck && strategy !== 'never') {
      this.#checks = new HealthChecks(healthCheck, () => this.all, owner);
    }
  }

  /** @throws InvalidOptionError if there is a list, and its file cannot be read */
  begin(): void {
    try {
      this.#list?.begin();
    } catch (error) {
      this.#checks?.close();
      throw error;
    }
  }

  /** The list has not been read yet, and may be soon. */
  get isAwaited(): boolean {
    return this.#list?.isAwaited ?? false;
  }

  /** Calls leave it to checks to try what may not work. */
  override get isChecked(): boolean {
    return this.#checks?.leads ?? false;
  }

  listStatus(): ProxyListStatus | undefined {
    return this.#list?.status();
  }

  override close(): void {
    this.#list?.close();
    this.#checks?.close();
    super.close();
  }

  #take(proxies: readonly ResolvedProxy[]) {
    const { added, removed } = this.replace(proxies);
    if (removed.length > 0) this.#owner.removed(removed);
    this.#owner.changed();
    return { proxies: this.all.length, added, removed: removed.length };
  }
}
