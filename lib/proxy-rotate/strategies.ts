import type { EgressCall } from '../core/egress.js';
import type { Exit } from './egress-proxy.js';
import type { Lane } from './lanes.js';

/** What is looked for. */
export interface Search {
  readonly exits: readonly Exit[];
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
  exit: Exit | undefined;
  /** A trial of an exit is under way, which may soon be free. */
  onTrial: boolean;
  /** One that has never been used is on trial. */
  onFirstTrial: boolean;
  /** When the first of those that rest has rested. */
  restsUntil: number;
}

/** Turns that an exit gives back at most. */
const MOST_OWED = 1000;

/** The next exit in turn. */
export function nextInTurn(search: Search): Found {
  let inDebt: Exit | undefined;
  const found = walk(search, (exit) => {
    if (exit.owes === 0) return 'take';
    // While others were tried out for the first time it took their turns.
    exit.owes--;
    if (inDebt) return 'go on';
    inDebt = exit;
    return 'keep';
  });
  if (found.onFirstTrial && found.exit && found.exit.owes < MOST_OWED) found.exit.owes++;
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
function walk(search: Search, judge: (exit: Exit) => Verdict): Found {
  const { exits, start, call, lane, tried, now } = search;
  const found: Found = {
    exit: undefined,
    onTrial: false,
    onFirstTrial: false,
    restsUntil: Number.POSITIVE_INFINITY,
  };
  let gated: Exit | undefined;
  let gateOpensAt = Number.POSITIVE_INFINITY;
  for (let n = 0, i = start; n < exits.length; n++, i++) {
    if (i >= exits.length) i -= exits.length;
    const exit = exits[i];
    if (!exit) break;
    const rest = lane.rests.size > 0 ? lane.rests.get(exit) : undefined;
    const own = exit.rest.state(now);
    const here = rest?.state(now);
    if (own === 'resting' || here === 'resting') {
      found.restsUntil = Math.min(found.restsUntil, Math.max(exit.rest.until, rest?.until ?? 0));
      continue;
    }
    if (tried.size > 0 && tried.has(exit.name)) continue;
    if (own === 'trial' || here === 'trial') {
      found.onTrial = true;
      if (own === 'trial' && exit.rest.reason === undefined) found.onFirstTrial = true;
      continue;
    }
    const opensAt = readyAt(call, exit.name);
    if (opensAt > 0 && opensAt > Date.now()) {
      if (opensAt < gateOpensAt) {
        gateOpensAt = opensAt;
        gated = exit;
      }
      continue;
    }
    const verdict = judge(exit);
    if (verdict !== 'go on') found.exit = exit;
    if (verdict === 'take') return found;
  }
  found.exit ??= gated;
  return found;
}

/** When the call's gates let it through this exit, in epoch milliseconds; 0 is now. */
export function readyAt({ guards }: EgressCall, exit: string | undefined): number {
  let latest = 0;
  for (const guard of guards) {
    if (guard.readyAt) latest = Math.max(latest, guard.readyAt(exit));
  }
  return latest;
}

/** A number that is always the same for the same text (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
