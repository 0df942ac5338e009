import type { EgressCall } from '../core/egress.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';

/** What is looked for. */
export interface Search {
  readonly proxies: readonly EgressProxy[];
  /** Where the search begins. */
  readonly start: number;
  readonly call: EgressCall;
  readonly lane: Lane;
  /** Names of exits that have failed for this call. */
  readonly tried: ReadonlySet<string>;
  /** On the rotation's clock. */
  readonly now: number;
}

/** What was found. */
export interface Found {
  /** `undefined` where no exit can be used now. */
  proxy: EgressProxy | undefined;
  /** A trial of an exit is under way, which may soon be free. */
  onProbe: boolean;
  /** One that has never been used is on trial. */
  onFirstProbe: boolean;
  /** When the first of those that cooldown has rested. */
  coolsDownUntil: number;
}

/** Turns that an exit gives back at most. */
const MOST_OWED = 1000;

/** The next exit in turn. */
export function nextInTurn(search: Search): Found {
  let inDebt: EgressProxy | undefined;
  const found = walk(search, (proxy) => {
    if (proxy.owes === 0) return 'take';
    // While others were tried out for the first time it took their turns.
    proxy.owes--;
    if (inDebt) return 'go on';
    inDebt = proxy;
    return 'keep';
  });
  if (found.onFirstProbe && found.proxy && found.proxy.owes < MOST_OWED) found.proxy.owes++;
  return found;
}

/** The exit with the fewest attempts under way; among equals the next in turn. */
export function leastUsed(search: Search): Found {
  let fewest = Number.POSITIVE_INFINITY;
  return walk(search, ({ active }) => {
    if (active === 0) return 'take';
    if (active >= fewest) return 'go on';
    fewest = active;
    return 'keep';
  });
}

/** The first from where the key points that can be used. */
export function firstFrom(search: Search): Found {
  return walk(search, () => 'take');
}

/** `keep` is taken unless a better one follows. */
type Verdict = 'take' | 'keep' | 'go on';

/**
 * Goes round the exits once, from the start: shows each that can be used until one is taken. What the
 * call's gates hold back comes last: then the one that is free first.
 */
function walk(search: Search, judge: (proxy: EgressProxy) => Verdict): Found {
  const { proxies, start, call, lane, tried, now } = search;
  const found: Found = {
    proxy: undefined,
    onProbe: false,
    onFirstProbe: false,
    coolsDownUntil: Number.POSITIVE_INFINITY,
  };
  let gated: EgressProxy | undefined;
  let gateOpensAt = Number.POSITIVE_INFINITY;
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
    const opensAt = readyAt(call, proxy.name);
    if (opensAt > 0 && opensAt > Date.now()) {
      if (opensAt < gateOpensAt) {
        gateOpensAt = opensAt;
        gated = proxy;
      }
      continue;
    }
    const verdict = judge(proxy);
    if (verdict !== 'go on') found.proxy = proxy;
    if (verdict === 'take') return found;
  }
  found.proxy ??= gated;
  return found;
}

/** When the call's gates let it through this exit, in epoch milliseconds; 0 is now. */
export function readyAt({ limits }: EgressCall, proxy: string | undefined): number {
  let latest = 0;
  for (const limit of limits) {
    if (limit.readyAt) latest = Math.max(latest, limit.readyAt(proxy));
  }
  return latest;
}

/** A number that is always the same for the same text (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
