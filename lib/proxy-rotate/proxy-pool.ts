import type { EgressCall } from '../core/egress.js';
import { Cooldown, type CooldownTimes } from './cooldown.js';
import { EgressProxy, type ProxyOwner, type SessionOf } from './egress-proxy.js';
import type { Lane } from './lanes.js';
import type { ResolvedProxy } from './named-proxy.js';
import { ProxyLoad } from './proxy-load.js';
import { type ResolvedProxyRotate, withTags } from './proxy-rotate-options.js';
import { dueRound, type Search } from './strategies.js';

/** The egress proxies of a rotation, which a list may change, and whose turn it is. */
export class ProxyPool {
  readonly #options: ResolvedProxyRotate;
  readonly #times: CooldownTimes;
  readonly #owner: ProxyOwner;
  /** A proxy with a number of sessions is as many. */
  #of = new Map<ResolvedProxy, readonly EgressProxy[]>();
  #all: readonly EgressProxy[] = [];
  #heaviest: number | undefined;
  #turn = 0;
  #round = 0;

  constructor(options: ResolvedProxyRotate, times: CooldownTimes, owner: ProxyOwner) {
    this.#options = options;
    this.#times = times;
    this.#owner = owner;
    this.replace(options.proxies);
  }

  get all(): readonly EgressProxy[] {
    return this.#all;
  }

  /** A search that goes on where the last one has ended. */
  search(
    { avoid, refusedThrough }: Pick<Search, 'avoid' | 'refusedThrough'>,
    call: EgressCall,
    tried: ReadonlySet<string>,
    lane: Lane,
    now: number,
  ): Search {
    return {
      proxies: this.#all,
      start: this.#turn,
      round: this.#round,
      heaviest: this.#heaviest,
      isChecked: this.isChecked,
      call,
      lane,
      tried,
      now,
      avoid,
      refusedThrough,
    };
  }

  /** Calls leave it to checks to try what may not work. */
  get isChecked(): boolean {
    return false;
  }

  /** The next turn is that of the proxy behind this one. */
  took(proxy: EgressProxy): void {
    const { index } = proxy;
    if (this.#heaviest !== undefined) {
      const round = index < this.#turn ? this.#round + 1 : this.#round;
      this.#round = Math.max(round, dueRound(proxy.weight / this.#heaviest, round));
    }
    this.#turn = index + 1;
    if (this.#turn < this.#all.length) return;
    this.#turn = 0;
    this.#round++;
  }

  /**
   * Takes these proxies, or those of them with the right tags, in the place of the ones before. One that stays, which is
   * the same object, keeps all that is known of it, and its connections.
   */
  replace(list: readonly ResolvedProxy[]): { added: number; removed: readonly EgressProxy[] } {
    const before = this.#of;
    const all: EgressProxy[] = [];
    let added = 0;
    this.#of = new Map();
    for (const resolved of withTags(list, this.#options.use?.tags)) {
      const known = before.get(resolved);
      const proxies = known ?? this.#open(resolved);
      if (!known) added += proxies.length;
      this.#of.set(resolved, proxies);
      for (const proxy of proxies) {
        proxy.index = all.length;
        all.push(proxy);
      }
    }
    this.#all = all;
    this.#heaviest = heaviestOf(all);
    if (this.#turn >= all.length) this.#turn = 0;
    const removed: EgressProxy[] = [];
    for (const [resolved, proxies] of before) if (!this.#of.has(resolved)) removed.push(...proxies);
    for (const proxy of removed) proxy.retire();
    return { added, removed };
  }

  /** Forgets what is known of the proxies, and whose turn it is. */
  reset(): void {
    for (const proxy of this.#all) {
      proxy.cooldown.reset();
      proxy.tally.reset();
      proxy.reset();
    }
    this.#turn = 0;
    this.#round = 0;
  }

  close(): void {
    for (const proxy of this.#all) proxy.close();
  }

  #open(resolved: ResolvedProxy): EgressProxy[] {
    const { session, maxConcurrency } = resolved;
    const open = (of?: SessionOf) =>
      new EgressProxy(resolved, 0, this.#options, this.#times, this.#owner, of);
    if (!session || (this.#options.strategy === 'sticky' && session.sessions === undefined)) return [open()];
    const shared = { cooldown: new Cooldown(this.#times, false), all: new ProxyLoad(maxConcurrency) };
    return Array.from({ length: session.sessions ?? SESSIONS }, (_, place) => open({ ...shared, place }));
  }
}

/** Default of `sessions`. */
const SESSIONS = 20;

/** `undefined` where all weigh the same. */
function heaviestOf(proxies: readonly EgressProxy[]): number | undefined {
  let lightest = Number.POSITIVE_INFINITY;
  let heaviest = 0;
  for (const { weight } of proxies) {
    lightest = Math.min(lightest, weight);
    heaviest = Math.max(heaviest, weight);
  }
  return lightest < heaviest ? heaviest : undefined;
}
