import type { EgressTarget } from '../core/egress.js';
import { Cooldown, type CooldownTimes } from './cooldown.js';
import type { EgressProxy } from './egress-proxy.js';
import type { NoProxy } from './no-proxy.js';
import { Outcomes } from './outcomes.js';
import type { Suspects } from './suspicion.js';

/** What a rotation knows about one target. */
export interface Lane {
  /** `https://host:port`. */
  readonly origin: string;
  /** Host and port, for reasons. */
  readonly host: string;
  readonly encrypted: boolean;
  /** Whether `noProxy` lists it. */
  readonly bypass: boolean;
  /** Whether it may be called directly, with the strategy `on_rate_limit`. */
  readonly direct: Cooldown;
  /** Egress proxies that have failed for this target, or that it has rate limited. */
  readonly cooldowns: Map<EgressProxy, Cooldown>;
  /** Those of them of which it is not known whether they or the target are to blame. */
  readonly suspects: Suspects;
  readonly outcomes: Outcomes;
}

const MAX_LANES = 1000;

/** The targets of a rotation. Their number is bounded, since a router may return ever new ones. */
export class Lanes {
  readonly #times: CooldownTimes;
  readonly #noProxy: NoProxy;
  readonly #lanes = new Map<string, Lane>();
  #last: { readonly target: EgressTarget; readonly lane: Lane } | undefined;

  constructor(times: CooldownTimes, noProxy: NoProxy) {
    this.#times = times;
    this.#noProxy = noProxy;
  }

  of(target: EgressTarget): Lane {
    if (this.#last?.target === target) return this.#last.lane;
    const lane = this.at(target.origin);
    this.#last = { target, lane };
    return lane;
  }

  at(origin: string): Lane {
    const known = this.#lanes.get(origin);
    if (known) return known;
    const { hostname, port, host, protocol } = new URL(origin);
    const encrypted = protocol === 'https:';
    const bare = hostname.replace(/^\[|\]$/g, '');
    const lane: Lane = {
      origin,
      host,
      encrypted,
      bypass: this.#noProxy(bare, Number(port) || (encrypted ? 443 : 80)),
      direct: new Cooldown(this.#times, true),
      cooldowns: new Map(),
      suspects: new Map(),
      outcomes: new Outcomes(),
    };
    this.#lanes.set(origin, lane);
    if (this.#lanes.size > MAX_LANES) this.#forgetOldest();
    return lane;
  }

  /** Cool-down of a proxy for this target, created if there is none yet. */
  cooldown(lane: Lane, proxy: EgressProxy): Cooldown {
    const known = lane.cooldowns.get(proxy);
    if (known) return known;
    const cooldown = new Cooldown(this.#times, true);
    lane.cooldowns.set(proxy, cooldown);
    return cooldown;
  }

  all(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  /** Takes over what others know of the proxies that stay. @param own those that are to have it, by their identity */
  resume(known: Lanes, own: ReadonlyMap<string, EgressProxy>): void {
    for (const lane of known.all()) {
      const mine = this.at(lane.origin);
      mine.direct.resume(lane.direct);
      for (const [before, cooldown] of lane.cooldowns) {
        const proxy = own.get(before.identity);
        if (proxy && !lane.suspects.has(before)) this.cooldown(mine, proxy).resume(cooldown);
      }
    }
  }

  /** Forgets all targets. */
  reset(): void {
    this.#lanes.clear();
    this.#last = undefined;
  }

  /** Forgets what is known of proxies that are gone. */
  forget(proxies: Iterable<EgressProxy>): void {
    const gone = new Set(proxies);
    for (const lane of this.#lanes.values()) {
      for (const proxy of lane.cooldowns.keys()) if (gone.has(proxy)) lane.cooldowns.delete(proxy);
      for (const proxy of lane.suspects.keys()) if (gone.has(proxy)) lane.suspects.delete(proxy);
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#lanes.keys();
    if (oldest !== undefined) this.#lanes.delete(oldest);
    this.#last = undefined;
  }
}
