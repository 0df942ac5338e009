import type { AdvertisedLimits } from './advertised-limits.js';

/** What a gate knows. Times are milliseconds on one clock that never goes back. */
export interface GateState {
  /**
   * `free`: nothing is known, and every call goes. `counting`: what is left of a window is counted down. `probing`: the
   * window has ended by what was told, and a first answer is awaited to see that it has.
   */
  phase: 'free' | 'counting' | 'probing';
  /** Counts windows: an answer to a call of an earlier one says nothing about this one. */
  window: number;
  /** Calls left, as last told: what is in flight is still to be taken off. */
  remaining: number;
  /** Calls of this window that have not been answered. */
  flight: number;
  /** Calls of this window that were answered, and not by a 429. */
  passed: number;
  startedAt: number;
  endsAt: number;
  /** Calls that a window allows, as told or, failing that, as counted. */
  limit: number | undefined;
  advertisedLimit: boolean;
  windowMs: number | undefined;
  /** Added to each reset, for a sender that rounds it down. */
  slackMs: number;
  /** A call of this window was one too many. */
  overrun: boolean;
  /** What the next window gets on top where the limit is but counted and was enough. */
  growth: number;
}

/** How long a first answer is awaited before one more call may go. */
const PROBE_MS = 1000;
/** How long a 429 that tells no time closes the gate. */
const UNTOLD_WAIT_MS = 1000;
/** Resets are told in whole seconds, rounded either way: what lies further ahead is another window's. */
const ROUNDING_MS = 1500;
/** While nothing is known, what has passed is counted afresh this often. */
const COUNTED_MS = 60_000;
/** Share of the limit that may go at once when a window should have begun. */
const PROBE_RATIO = 0.01;

/** A gate that knows nothing yet. */
export function freeGate(now: number): GateState {
  return {
    phase: 'free',
    window: 0,
    remaining: Number.POSITIVE_INFINITY,
    flight: 0,
    passed: 0,
    startedAt: now,
    endsAt: Number.POSITIVE_INFINITY,
    limit: undefined,
    advertisedLimit: false,
    windowMs: undefined,
    slackMs: 0,
    overrun: false,
    growth: 1,
  };
}

/** Which window a call belongs to that was let through now; `undefined` where none is counted. */
export function windowOf(state: GateState): number | undefined {
  return state.phase === 'free' ? undefined : state.window;
}

/** Whether nothing is left until the window ends, whatever becomes of the calls in flight. */
export function isClosed(state: GateState, now: number): boolean {
  return state.remaining <= 0 && now < state.endsAt;
}

/**
 * Lets a call through and counts it.
 * @returns 0, or the milliseconds until the window ends where there is nothing left for it
 */
export function takeCall(state: GateState, now: number): number {
  if (now >= state.endsAt) turn(state, now);
  if (state.phase === 'free') return 0;
  if (state.remaining - state.flight <= 0) return state.endsAt - now;
  state.flight++;
  return 0;
}

/** Takes a call back that never reached the target. */
export function returnCall(state: GateState, window: number | undefined): void {
  if (window === state.window && state.phase !== 'free') state.flight = Math.max(0, state.flight - 1);
}

/** Counts a call that may have reached the target, and was not answered. */
export function loseCall(state: GateState, window: number | undefined): void {
  if (window !== state.window || state.phase === 'free') return;
  state.flight = Math.max(0, state.flight - 1);
  state.remaining = Math.max(0, state.remaining - 1);
}

/** Learns from the answer to a call that was let through in `window`. */
export function settleCall(
  state: GateState,
  window: number | undefined,
  told: AdvertisedLimits | undefined,
  now: number,
  maxPauseMs: number,
): void {
  // A call of before anything was known is in no window's count, but its answer is news.
  const current = window === undefined || window === state.window;
  returnCall(state, window);
  if (told) learnShape(state, told);
  if (told?.refused) return close(state, told, current, now, maxPauseMs);
  if (!current) return;
  if (state.phase === 'free') {
    if (now - state.startedAt > COUNTED_MS) Object.assign(state, { startedAt: now, passed: 0 });
    state.passed++;
    if (told) count(state, told, now, maxPauseMs);
    return;
  }
  state.passed++;
  if (state.phase === 'probing' && window !== undefined) confirm(state, told, now, maxPauseMs);
  else if (told?.remaining !== undefined) count(state, told, now, maxPauseMs);
  else state.remaining = Math.max(0, state.remaining - 1);
}

/**
 * The window has ended by what was told. Until an answer shows it, what was left of it is all that may go, or a first
 * few: resets are rounded, clocks differ, and a whole window's calls would be refused.
 */
function turn(state: GateState, now: number): void {
  if (state.phase === 'probing') {
    // Whoever asked may be slow or gone: another may.
    state.remaining++;
    state.endsAt = now + PROBE_MS;
    return;
  }
  recount(state);
  const left = state.remaining - state.flight;
  state.phase = 'probing';
  state.window++;
  state.remaining = Math.max(1, Math.floor((state.limit ?? 0) * PROBE_RATIO), left);
  state.flight = 0;
  state.passed = 0;
  state.overrun = false;
  state.startedAt = now;
  state.endsAt = now + PROBE_MS;
}

/** Where no limit is told, what passed before a 429 is taken for it; where none came, a little more is tried. */
function recount(state: GateState): void {
  if (state.advertisedLimit) return;
  if (state.overrun) {
    // The very first was refused: it had come too early, and says nothing about how many may.
    if (state.passed === 0) return;
    state.limit = state.passed;
    state.windowMs = state.endsAt - state.startedAt;
    state.growth = 1;
  } else if (state.limit !== undefined && state.passed >= state.limit) {
    state.limit += state.growth;
    state.growth *= 2;
  }
}

function learnShape(state: GateState, { limit, windowMs, waitMs, refused }: AdvertisedLimits): void {
  if (limit !== undefined) {
    state.limit = limit;
    state.advertisedLimit = true;
  }
  if (windowMs !== undefined) state.windowMs = windowMs;
  // A reset that far ahead shows that the window is at least as long.
  else if (waitMs !== undefined && !refused && waitMs > (state.windowMs ?? 0)) state.windowMs = waitMs;
}

function close(
  state: GateState,
  { limited, waitMs }: AdvertisedLimits,
  current: boolean,
  now: number,
  maxPauseMs: number,
): void {
  const closed = state.phase === 'counting' && isClosed(state, now);
  if (closed && !waitMs) return;
  const wait = waitMs || UNTOLD_WAIT_MS;
  // Asked when the window should have been over, and it goes on a little: the reset was rounded down.
  if (limited && current && state.phase === 'probing' && wait <= ROUNDING_MS) state.slackMs = PROBE_MS;
  const end = now + Math.min(maxPauseMs, wait + state.slackMs);
  state.endsAt = closed ? sameOrLater(state.endsAt, end) : end;
  state.phase = 'counting';
  state.remaining = 0;
  if (limited && current) state.overrun = true;
}

/** An answer of the new window: now it is known what may go. */
function confirm(
  state: GateState,
  told: AdvertisedLimits | undefined,
  now: number,
  maxPauseMs: number,
): void {
  const end = told && resetOf(state, told, now, maxPauseMs);
  const { limit, windowMs } = state;
  if (told?.remaining !== undefined && end !== undefined) {
    state.remaining = told.remaining;
    state.endsAt = end;
  } else if (limit !== undefined && windowMs !== undefined) {
    state.remaining = Math.max(0, limit - state.passed);
    state.endsAt = Math.max(now, state.startedAt + Math.min(maxPauseMs, windowMs));
  } else {
    state.remaining = Number.POSITIVE_INFINITY;
    state.endsAt = Number.POSITIVE_INFINITY;
    state.flight = 0;
  }
  state.phase = state.endsAt === Number.POSITIVE_INFINITY ? 'free' : 'counting';
}

/** What is left never rises within a window: an answer that says so was overtaken. */
function count(state: GateState, told: AdvertisedLimits, now: number, maxPauseMs: number): void {
  const { remaining } = told;
  const end = resetOf(state, told, now, maxPauseMs);
  if (remaining === undefined || end === undefined) return;
  if (state.phase === 'free' || end > state.endsAt + ROUNDING_MS) {
    // Either the first news, or the target's window has begun anew before it was to.
    state.phase = 'counting';
    state.remaining = remaining;
    state.endsAt = end;
    return;
  }
  state.remaining = Math.min(state.remaining, remaining);
  if (state.phase === 'counting') state.endsAt = Math.min(state.endsAt, end);
}

function resetOf(
  state: GateState,
  { waitMs, windowMs }: AdvertisedLimits,
  now: number,
  maxPauseMs: number,
): number | undefined {
  if (waitMs !== undefined) return now + Math.min(maxPauseMs, waitMs + state.slackMs);
  if (state.phase === 'counting') return state.endsAt;
  return windowMs === undefined ? undefined : now + Math.min(maxPauseMs, windowMs);
}

/** Of two tellings of one reset the earlier is the less rounded; of two resets the later one holds. */
function sameOrLater(known: number, told: number): number {
  return Math.abs(told - known) <= ROUNDING_MS ? Math.min(known, told) : Math.max(known, told);
}
