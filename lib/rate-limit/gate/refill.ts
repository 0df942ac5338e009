import type { LimitNews } from '../../http/advertised-limits.js';
import { learnCost, learnRefusal } from './call-cost.js';
import type { GateState } from './gate-state.js';

/** Pause after a refusal that gives no time. */
const DEFAULT_WAIT_MS = 1000;
/** What is told is up to one too low, since it is rounded down; on average it is this. */
const ROUNDED = 0.5;
/** A call is counted when it arrives: this long after it was sent, or half of its time if that is shorter. */
const ARRIVAL_MS = 50;

/** A call of a limit that refills, as it was let through. */
export interface Charge {
  readonly at?: number;
  /** What all calls up to this one have taken. */
  readonly mark?: number;
}

/** Whether a limit fills up all the time, instead of at the end of a window. */
export function refills({ refillPerMs }: GateState): boolean {
  return refillPerMs > 0;
}

/** What is there now, without what the calls in flight take. */
export function levelOf({ remaining, refillPerMs, filledAt, limit }: GateState, now: number): number {
  return Math.min(limit ?? Number.POSITIVE_INFINITY, remaining + Math.max(0, now - filledAt) * refillPerMs);
}

/** Milliseconds until there is room for one more call; 0 if there is. */
export function waitForOne(state: GateState, now: number): number {
  if (now < state.endsAt) return state.endsAt - now;
  const { limit = Number.POSITIVE_INFINITY, peak, refillPerMs } = state;
  const lacks = Math.min(peak, limit) - levelOf(state, now);
  return lacks <= 0 ? 0 : Math.max(1, Math.ceil(lacks / refillPerMs));
}

/** Lets a call through and charges it. @returns 0, or the milliseconds until there is room for it */
export function takeRefilled(state: GateState, now: number): number {
  const waitMs = waitForOne(state, now);
  if (waitMs <= 0) chargeOne(state, now);
  return waitMs;
}

/** Charges a call. */
export function chargeOne(state: GateState, now: number): void {
  fill(state, now);
  state.remaining -= state.cost;
  state.charged += state.cost;
  state.flight++;
}

/** Takes back a call that never reached the target. */
export function refund(state: GateState, { mark }: Charge): void {
  // What was told since of a later call does not contain it.
  if (mark === undefined || mark <= state.toldMark) return;
  state.remaining += state.cost;
}

/**
 * Learns from a response. What it tells holds for the moment when its call was counted. The calls sent later are still to
 * be subtracted, and what has come back since is to be added. So each response replaces all that was reckoned before it,
 * and nothing that is lost on the way counts for ever.
 * @param charge of its call; `undefined` if it was not counted
 */
export function settleRefill(
  state: GateState,
  charge: Charge | undefined,
  news: LimitNews | undefined,
  now: number,
  maxPauseMs: number,
): void {
  if (!refills(state)) begin(state, news, now);
  fill(state, now);
  if (!news) return;
  if (news.limit !== undefined) state.limit = news.limit;
  if (!news.refused) learnRate(state, news);
  if (news.remaining !== undefined) correct(state, charge, news.remaining, news, now);
  if (!news.refused) return;
  const waitMs = Math.min(maxPauseMs, news.waitMs || DEFAULT_WAIT_MS);
  state.endsAt = Math.max(state.endsAt, now + waitMs);
  state.remaining = Math.min(state.remaining, news.remaining ?? 0);
  // The API knows better when there is room for one call than the rate that was reckoned.
  if (news.waitMs)
    state.remaining = Math.max(state.remaining, state.peak - (state.endsAt - now) * state.refillPerMs);
}

function fill(state: GateState, now: number): void {
  state.remaining = levelOf(state, now);
  state.filledAt = Math.max(state.filledAt, now);
}

function correct(
  state: GateState,
  { at, mark }: Charge = {},
  remaining: number,
  { unit, refused }: LimitNews,
  now: number,
): void {
  const { charged, refillPerMs, cost } = state;
  // One that was charged to a state that is lost since says as little.
  if (mark === undefined || at === undefined || mark > charged) {
    state.remaining = Math.min(state.remaining, remaining);
    return;
  }
  // A response that was overtaken by that of a later call tells of what is past.
  if (mark <= state.toldMark) return;
  const tripMs = Math.max(0, now - at);
  const sinceMs = tripMs - Math.min(tripMs / 2, ARRIVAL_MS);
  const level = remaining + sinceMs * refillPerMs - (charged - mark);
  if (refused) learnRefusal(state);
  else learnCost(state, state.remaining + cost - level, unit ? undefined : 1);
  state.toldMark = mark;
  // It is rounded down, so what was reckoned may be right though it is a little more.
  state.remaining = Math.min(level + ROUNDED, Math.max(level, state.remaining));
}

function begin(state: GateState, news: LimitNews | undefined, now: number): void {
  state.phase = 'counting';
  state.advertisedLimit = true;
  state.remaining = news?.remaining ?? 0;
  state.filledAt = now;
  state.endsAt = 0;
  const { limit, windowMs } = news ?? {};
  state.limit = limit;
  state.windowMs = windowMs;
  state.refillPerMs = Math.max(1, limit ?? 1) / Math.max(1, windowMs ?? DEFAULT_WAIT_MS);
}

/** From what is missing, and the time until nothing will be. Those are rounded, so a long time says more. */
function learnRate(state: GateState, { limit, remaining, waitMs }: LimitNews): void {
  if (limit === undefined || remaining === undefined || !waitMs || remaining >= limit) return;
  if (waitMs < state.seenWaitMs / 2) return;
  state.refillPerMs = (limit - remaining) / waitMs;
  state.windowMs = limit / state.refillPerMs;
  state.seenWaitMs = waitMs;
}
