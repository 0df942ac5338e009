import type { EgressCall } from '../core/egress.js';
import type { EgressProxy } from './egress-proxy.js';
import { hash, mixed } from './hash.js';
import type { Lane } from './lanes.js';

/** What to search, and for whom. */
export interface Search {
  readonly proxies: readonly EgressProxy[];
  /** Index at which the search begins. */
  readonly start: number;
  readonly call: EgressCall;
  readonly lane: Lane;
  /** Names of proxies that have failed for this call. */
  readonly tried: ReadonlySet<string>;
  /** Taken only if there is no other. */
  readonly avoid?: EgressProxy | undefined;
  /** Those through which the target has refused the call. */
  readonly refusedThrough?: readonly EgressProxy[] | undefined;
  /** By the rotation's clock. */
  readonly now: number;
  /** Times that the turn has gone round. */
  readonly round?: number;
  /** The largest weight; `undefined` where all proxies weigh the same. */
  readonly heaviest?: number | undefined;
  /** Proxies that may not work are tried by checks, and not by calls. */
  readonly isChecked?: boolean;
}

/** Result of a search. */
export interface Found {
  /** `undefined` if no proxy can be used now. */
  proxy: EgressProxy | undefined;
  /** A proxy is being probed, and may soon be available. */
  onProbe: boolean;
  /** A proxy has as many attempts as it may have, in progress or in its window, and may soon be available. */
  isBusy: boolean;
  /** A proxy is being probed that was never used before. */
  onFirstProbe: boolean;
  /** When the first cool-down ends; `Infinity` if there is none. */
  coolsDownUntil: number;
}

/** Turns that a proxy gives back at most. */
const MOST_OWED = 1000;

/** The next proxy in turn. */
export function nextInTurn(search: Search): Found {
  if (search.heaviest !== undefined) return nextByWeight(search, search.heaviest, search.round ?? 0);
  let inDebt: EgressProxy | undefined;
  const found = walk(search, (proxy) => {
    if (proxy.owes === 0) return 'take';
    // It took the turns of others while these were probed for the first time.
    proxy.owes--;
    if (inDebt) return 'go on';
    inDebt = proxy;
    return 'keep';
  });
  if (found.onFirstProbe && found.proxy && found.proxy.owes < MOST_OWED) found.proxy.owes++;
  return found;
}

/** The next in turn, where one of half the weight has a turn in every second round. */
function nextByWeight(search: Search, heaviest: number, round: number): Found {
  let soonest = Number.POSITIVE_INFINITY;
  return walk(search, ({ weight, index }) => {
    const here = index < search.start ? round + 1 : round;
    const due = dueRound(weight / heaviest, here);
    if (due <= here) return 'take';
    if (due >= soonest) return 'go on';
    soonest = due;
    return 'keep';
  });
}

/**
 * The first round, from this one on, in which a proxy has a turn. After any number of rounds it has had its share of them.
 * @param share above 0, up to 1: its weight beside the largest
 */
export function dueRound(share: number, round: number): number {
  return Math.ceil((Math.floor(round * share) + 1) / share) - 1;
}

/** The proxy with the fewest attempts under way for its weight; among equals, the next in turn. */
export function leastUsed(search: Search): Found {
  let fewest = Number.POSITIVE_INFINITY;
  return walk(search, ({ active, weight }) => {
    if (active === 0) return 'take';
    const load = active / weight;
    if (load >= fewest) return 'go on';
    fewest = load;
    return 'keep';
  });
}

/**
 * The proxy that belongs to a key most, of those that can be used (rendezvous hashing): a proxy that is added or taken
 * out moves only the keys that it gets or had.
 */
export function closestTo(key: string, search: Search): Found {
  const seed = hash(key);
  const weighted = search.heaviest !== undefined;
  let highest = -1;
  return walk(
    search,
    ({ seed: own, weight }) => {
      const drawn = mixed(seed, own);
      // In the same order where the weights are the same: a weight that changes moves only keys of its proxy.
      const score = weighted ? -weight / Math.log((drawn + 0.5) / 2 ** 32) : drawn;
      if (score <= highest) return 'go on';
      highest = score;
      return 'keep';
    },
    key,
  );
}

/** `keep` is taken unless a better one follows. */
type Verdict = 'take' | 'keep' | 'go on';

/**
 * Goes round the proxies once, from the start, and asks the judge about each that can be used until one is taken.
 * Proxies whose advertised limit is exhausted come last: of them, the one whose limit is available first.
 */
function walk(search: Search, judge: (proxy: EgressProxy) => Verdict, key?: string): Found {
  const { proxies, start, call, lane, tried, now, avoid, refusedThrough, isChecked } = search;
  let avoided: EgressProxy | undefined;
  const found: Found = {
    proxy: undefined,
    onProbe: false,
    isBusy: false,
    onFirstProbe: false,
    coolsDownUntil: Number.POSITIVE_INFINITY,
  };
  let limited: EgressProxy | undefined;
  let availableAt = Number.POSITIVE_INFINITY;
  for (let n = 0, i = start; n < proxies.length; n++, i++) {
    if (i >= proxies.length) i -= proxies.length;
    const proxy = proxies[i];
    if (!proxy) break;
    if (!proxy.isFor(lane)) continue;
    const cooldown = lane.cooldowns.size > 0 ? lane.cooldowns.get(proxy) : undefined;
    const own = proxy.cooldown.state(now);
    const here = cooldown?.state(now);
    if (own === 'cooling-down' || here === 'cooling-down') {
      found.coolsDownUntil = Math.min(
        found.coolsDownUntil,
        Math.max(proxy.cooldown.until, cooldown?.until ?? 0),
      );
      continue;
    }
    if (tried.size > 0 && tried.has(proxy.name) && !proxy.rotating) continue;
    if (refusedThrough?.includes(proxy)) continue;
    if (own === 'probing' || here === 'probing') {
      found.onProbe = true;
      if (own === 'probing' && proxy.cooldown.reason === undefined) found.onFirstProbe = true;
      continue;
    }
    if (own === 'due' && isChecked) {
      found.onProbe = true;
      continue;
    }
    if (proxy.isBusy(key, now)) {
      found.isBusy = true;
      continue;
    }
    const at = readyAt(call, proxy.name);
    if (at > 0 && at > Date.now()) {
      if (at < availableAt) {
        availableAt = at;
        limited = proxy;
      }
      continue;
    }
    if (proxy === avoid) {
      avoided = proxy;
      continue;
    }
    const verdict = judge(proxy);
    if (verdict !== 'go on') found.proxy = proxy;
    if (verdict === 'take') return found;
  }
  found.proxy ??= avoided ?? limited;
  return found;
}

/** When the advertised limits allow the call through this proxy, in epoch milliseconds; 0 is now. */
export function readyAt({ limits }: EgressCall, proxy: string | undefined): number {
  let latest = 0;
  for (const limit of limits) {
    if (limit.readyAt) latest = Math.max(latest, limit.readyAt(proxy));
  }
  return latest;
}
