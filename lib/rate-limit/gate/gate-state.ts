import type { LimitNews } from '../../http/advertised-limits.js';
import { type CallCost, learnCost, oneEach } from './call-cost.js';
import { type Charge, chargeOne, refills, refund, settleRefill, takeRefilled } from './refill.js';

/** A call that was let through, and the window in which it was counted, if any. */
export interface Passage extends Charge {
  readonly window: number | undefined;
}

/** What a gate knows. Times are milliseconds of one monotonic clock. */
export interface GateState extends CallCost {
  /**
   * `free`: nothing is known, and every call goes. `counting`: the rest of a window is counted down. `probing`: the
   * window should have ended, and a first response is awaited to confirm it.
   */
  phase: 'free' | 'counting' | 'probing';
  /** Number of the window: the response to a call of an earlier one says nothing about this one. */
  window: number;
  /** Calls left, as last advertised; those in flight are still to be subtracted. */
  remaining: number;
  /** Calls of this window without a response so far. */
  flight: number;
  /** Calls of this window with a response other than a 429. */
  passed: number;
  startedAt: number;
  endsAt: number;
  /** Calls in a window: as advertised, or else as counted. */
  limit: number | undefined;
  advertisedLimit: boolean;
  windowMs: number | undefined;
  /** Added to each reset, for a target that rounds it down. */
  slackMs: number;
  /** Whether a call of this window got a 429. */
  overrun: boolean;
  /** How many more calls to try in the next window, if the limit is only counted and was not reached. */
  growth: number;
  /** What comes back in a millisecond; 0 for a limit with windows. Then `endsAt` is the end of a pause. */
  refillPerMs: number;
  /** When `remaining` was right. */
  filledAt: number;
  /** What all calls have taken, as far as is known, of a limit that refills. */
  charged: number;
  /** `charged` up to the call of the last response: what it told is the newest. */
  toldMark: number;
  /** The time to be full from which the rate was learned: the longer, the more exact. */
  seenWaitMs: number;
}

/** How long a first response is awaited before one more call may go. */
const PROBE_MS = 1000;
/** Pause after a 429 that gives no time. */
const DEFAULT_WAIT_MS = 1000;
/** What is first added to a reset that had passed when its 429 was read. */
const FIRST_SLACK_MS = 20;
/** Resets come in whole seconds, rounded either way; one that differs by more belongs to another window. */
const ROUNDING_MS = 1500;
/** While nothing is known, counting starts again this often. */
const COUNTED_MS = 60_000;
/** Share of the limit that may go as probes when a new window should have begun. */
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
    ...oneEach(),
    refillPerMs: 0,
    filledAt: now,
    charged: 0,
    toldMark: Number.NEGATIVE_INFINITY,
    seenWaitMs: 0,
  };
}

/** A call that is let through now. */
export const passageOf = (state: GateState, now: number): Passage =>
  refills(state) ? { window: state.window, at: now, mark: state.charged } : { window: windowOf(state) };

/** The window of a call that is let through now; `undefined` if nothing is counted. */
export function windowOf(state: GateState): number | undefined {
  return state.phase === 'free' ? undefined : state.window;
}

/** Whether nothing is left until the window ends, whatever happens to the calls in flight. */
export function isExhausted(state: GateState, now: number): boolean {
  return (state.remaining <= 0 || refills(state)) && now < state.endsAt;
}

/** Whether one more call fits beside those in flight. */
export function hasRoom({ remaining, flight, cost, peak }: GateState): boolean {
  return remaining - flight * cost >= peak;
}

/**
 * Lets a call through and counts it.
 * @returns 0, or the milliseconds until the window ends if nothing is left
 */
export function takeCall(state: GateState, now: number): number {
  if (refills(state)) return takeRefilled(state, now);
  if (now >= state.endsAt) turn(state, now);
  if (state.phase === 'free') return 0;
  if (!hasRoom(state)) return state.endsAt - now;
  state.flight++;
  return 0;
}

/** Counts a call that was let through whatever there was room for. */
export function countCall(state: GateState, now: number): void {
  if (state.phase === 'free') return;
  if (refills(state)) chargeOne(state, now);
  else state.flight++;
}

/** Takes back a call that never reached the target. */
export function returnCall(state: GateState, passage: Passage): void {
  land(state, passage.window);
  if (refills(state)) refund(state, passage);
}

function land(state: GateState, window: number | undefined): void {
  if (window === state.window && state.phase !== 'free') state.flight = Math.max(0, state.flight - 1);
}

/** Counts a call that may have reached the target and got no response. */
export function loseCall(state: GateState, { window }: Passage): void {
  if (window !== state.window || state.phase === 'free') return;
  land(state, window);
  if (!refills(state)) state.remaining = Math.max(0, state.remaining - state.cost);
}

/** Learns from the response to a call. */
export function settleCall(
  state: GateState,
  passage: Passage,
  advertised: LimitNews | undefined,
  now: number,
  maxPauseMs: number,
): void {
  const { window } = passage;
  // A call from before anything was known is in no window's count, but its response is news.
  const current = window === undefined || window === state.window;
  land(state, window);
  if (refills(state) || advertised?.refills) {
    settleRefill(state, passage, advertised, now, maxPauseMs);
    return;
  }
  if (advertised) learnShape(state, advertised);
  if (advertised?.refused) return pause(state, advertised, current, now, maxPauseMs);
  if (!current) return;
  if (state.phase === 'free') {
    if (now - state.startedAt > COUNTED_MS) Object.assign(state, { startedAt: now, passed: 0 });
    state.passed++;
    if (advertised) count(state, advertised, now, maxPauseMs);
    return;
  }
  state.passed++;
  if (state.phase === 'probing' && window !== undefined) confirm(state, advertised, now, maxPauseMs);
  else if (advertised?.remaining !== undefined) count(state, advertised, now, maxPauseMs);
  else state.remaining = Math.max(0, state.remaining - state.cost);
}

/**
 * The window should have ended. Until a response confirms it, only a few calls may go, or what was left of the window:
 * resets are rounded and clocks differ, so that the calls of a whole window might be refused.
 */
function turn(state: GateState, now: number): void {
  if (state.phase === 'probing') {
    // The probe may be slow or gone: as many go as the limit allows or, where it is unknown, twice as many each time.
    state.remaining = Math.max(
      state.limit ?? 0,
      state.flight * 2 * state.cost,
      state.flight * state.cost + state.peak,
    );
    state.endsAt = now + PROBE_MS;
    return;
  }
  recount(state);
  const left = state.remaining - state.flight * state.cost;
  state.phase = 'probing';
  state.window++;
  state.remaining = Math.max(state.peak, Math.floor((state.limit ?? 0) * PROBE_RATIO), left);
  state.flight = 0;
  state.passed = 0;
  state.overrun = false;
  state.startedAt = now;
  state.endsAt = now + PROBE_MS;
}

/**
 * Without an advertised limit, the calls that passed before a 429 are taken for it. After a window without a 429 a few
 * more are tried.
 */
function recount(state: GateState): void {
  if (state.advertisedLimit) return;
  if (state.overrun) {
    // Even the first call was refused: it came too early, and says nothing about the limit.
    if (state.passed === 0) return;
    state.limit = state.passed;
    state.windowMs = state.endsAt - state.startedAt;
    state.growth = 1;
  } else if (state.limit !== undefined && state.passed >= state.limit) {
    state.limit += state.growth;
    state.growth *= 2;
  }
}

function learnShape(state: GateState, { limit, windowMs, waitMs, refused }: LimitNews): void {
  if (limit !== undefined) {
    state.limit = limit;
    state.advertisedLimit = true;
  }
  if (windowMs !== undefined) state.windowMs = windowMs;
  // The window is at least as long as the time until its reset.
  else if (waitMs !== undefined && !refused && waitMs > (state.windowMs ?? 0)) state.windowMs = waitMs;
}

function pause(
  state: GateState,
  { limited, waitMs }: LimitNews,
  current: boolean,
  now: number,
  maxPauseMs: number,
): void {
  const exhausted = state.phase === 'counting' && isExhausted(state, now);
  if (exhausted && !waitMs) return;
  // A window that has ended while its 429 was on the way is as good as begun.
  const isOver = waitMs === 0 && limited && state.phase === 'probing' && state.advertisedLimit;
  const wait = isOver ? 0 : waitMs || DEFAULT_WAIT_MS;
  // The window should have ended and goes on a little: the reset was rounded down, or the clocks differ.
  if (limited && current && state.phase === 'probing' && wait <= ROUNDING_MS)
    state.slackMs = Math.min(PROBE_MS, Math.max(wait, 2 * state.slackMs, FIRST_SLACK_MS));
  const end = now + Math.min(maxPauseMs, wait + state.slackMs);
  state.endsAt = exhausted ? sameOrLater(state.endsAt, end) : end;
  state.phase = 'counting';
  state.remaining = 0;
  if (limited && current) state.overrun = true;
}

/** The response of a probe: the new window has begun. */
function confirm(state: GateState, advertised: LimitNews | undefined, now: number, maxPauseMs: number): void {
  const end = advertised && resetOf(state, advertised, now, maxPauseMs);
  const { limit, windowMs } = state;
  if (advertised?.remaining !== undefined && end !== undefined) {
    state.remaining = advertised.remaining;
    state.endsAt = end;
  } else if (limit !== undefined && windowMs !== undefined) {
    state.remaining = Math.max(0, limit - state.passed * state.cost);
    state.endsAt = Math.max(now, state.startedAt + Math.min(maxPauseMs, windowMs));
  } else {
    state.remaining = Number.POSITIVE_INFINITY;
    state.endsAt = Number.POSITIVE_INFINITY;
    state.flight = 0;
  }
  state.phase = state.endsAt === Number.POSITIVE_INFINITY ? 'free' : 'counting';
}

/** Within a window `remaining` never rises: a response with a higher number was overtaken by another. */
function count(state: GateState, advertised: LimitNews, now: number, maxPauseMs: number): void {
  const { remaining } = advertised;
  const end = resetOf(state, advertised, now, maxPauseMs);
  if (remaining === undefined || end === undefined) return;
  if (advertised.unit) learnCost(state, state.remaining - remaining);
  if (state.phase === 'free' || end > state.endsAt + ROUNDING_MS) {
    // Either the first response, or the target has begun a new window early.
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
  { waitMs, windowMs }: LimitNews,
  now: number,
  maxPauseMs: number,
): number | undefined {
  if (waitMs !== undefined) return now + Math.min(maxPauseMs, waitMs + state.slackMs);
  if (state.phase === 'counting') return state.endsAt;
  return windowMs === undefined ? undefined : now + Math.min(maxPauseMs, windowMs);
}

/** Two values for one reset: the earlier one is less rounded. Two different resets: the later one holds. */
function sameOrLater(known: number, next: number): number {
  return Math.abs(next - known) <= ROUNDING_MS ? Math.min(known, next) : Math.max(known, next);
}
