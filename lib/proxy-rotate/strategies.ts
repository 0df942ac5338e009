import type { EgressCall } from '../core/egress.js';
import type { EgressProxy } from './egress-proxy.js';
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
  /** By the rotation's clock. */
  readonly now: number;
}

/** Result of a search. */
export interface Found {
  /** `undefined` if no proxy can be used now. */
  proxy: EgressProxy | undefined;
  /** A proxy is being probed, and may soon be available. */
  onProbe: boolean;
  /** A proxy is being probed that was never used before. */
  onFirstProbe: boolean;
  /** When the first cool-down ends; `Infinity` if there is none. */
  coolsDownUntil: number;
}

/** Turns that a proxy gives back at most. */
const MOST_OWED = 1000;

/** The next proxy in turn. */
export function nextInTurn(search: Search): Found {
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

/** The proxy with the fewest attempts under way; among equals, the next in turn. */
export function leastUsed(search: Search): Found {
  let fewest = Number.POSITIVE_INFINITY;
  return walk(search, ({ active }) => {
    if (active === 0) return 'take';
    if (active >= fewest) return 'go on';
    fewest = active;
    return 'keep';
  });
}

/** The first that can be used, from the start on. */
export function firstFrom(search: Search): Found {
  return walk(search, () => 'take');
}

/** `keep` is taken unless a better one follows. */
type Verdict = 'take' | 'keep' | 'go on';

/**
 * Goes round the proxies once, from the start, and asks the judge about each that can be used until one is taken.
 * Proxies whose advertised limit is exhausted come last: of them, the one whose limit is available first.
 */
function walk(search: Search, judge: (proxy: EgressProxy) => Verdict): Found {
  const { proxies, start, call, lane, tried, now } = search;
  const found: Found = {
    proxy: undefined,
    onProbe: false,
    onFirstProbe: false,
    coolsDownUntil: Number.POSITIVE_INFINITY,
  };
  let limited: EgressProxy | undefined;
  let availableAt = Number.POSITIVE_INFINITY;
  for (let n = 0, i = start; n < proxies.length; n++, i++) {
    if (i >= proxies.length) i -= proxies.length;
    const proxy = proxies[i];
    if (!proxy) break;
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
    if (tried.size > 0 && tried.has(proxy.name)) continue;
    if (own === 'probing' || here === 'probing') {
      found.onProbe = true;
      if (own === 'probing' && proxy.cooldown.reason === undefined) found.onFirstProbe = true;
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
    const verdict = judge(proxy);
    if (verdict !== 'go on') found.proxy = proxy;
    if (verdict === 'take') return found;
  }
  found.proxy ??= limited;
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

/** Hash of a text (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
