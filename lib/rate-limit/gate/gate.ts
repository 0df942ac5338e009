import type { LimitStatus } from '../../core/egress-status.js';
import type { Clock } from '../../core/steady-clock.js';
import type { LimitNews } from '../../http/advertised-limits.js';
import type { LimitName, RateLimitEmitter } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import { type GateState, hasRoom, isExhausted, type Passage } from './gate-state.js';
import { levelOf, refills, waitForOne } from './refill.js';

export type { Passage } from './gate-state.js';

/** The advertised limit of a target for one credential and one egress proxy. Learns from responses; never throws. */
export interface Gate {
  /** Why no call may go, as far as this process knows; `undefined` if one may. @param now if the clock was read */
  refusal(now?: number): Refusal | undefined;
  /** Lets a call through, or says why it may not go. @param now if the clock was read */
  take(now?: number): Passage | Refusal | Promise<Passage | Refusal>;
  /** Takes back a call that never reached the target. */
  giveBack(passage: Passage): void;
  /** Counts a call without a response. */
  lose(passage: Passage): void;
  /**
   * Whether a response would hardly be news: so much is left that it is enough to count, and what the API says was
   * heard a moment ago.
   */
  hasPlenty(now: number): boolean;
  /** Learns from a response; `undefined` if it advertises nothing, or was not read. @param now if the clock was read */
  settle(passage: Passage, advertised: LimitNews | undefined, now?: number): void;
  /** When calls are allowed again, in epoch milliseconds; 0 is now. */
  readyAt(): number;
  /** Whether anything is known. */
  readonly knows: boolean;
  /** Whether the API tells how many calls there are; else they were counted up to a refusal. */
  readonly advertises: boolean;
  /** Calls in flight. */
  readonly flight: number;
  /** The most that a call may take, as far as is known. */
  readonly needs: number;
  status(queued: number): LimitStatus;
}

/** What the gates of a limiter share. */
export interface GateSite {
  readonly clock: Clock;
  readonly maxPauseMs: number;
  /** Of the limiter that has them by now. */
  events: RateLimitEmitter;
}

/** Emits an event when a limit is exhausted and when it is available again. */
export class GateHerald {
  readonly #name: LimitName;
  readonly #site: GateSite;
  #exhausted = false;

  constructor(name: LimitName, site: GateSite) {
    this.#name = name;
    this.#site = site;
  }

  check(state: GateState, now: number): void {
    const exhausted = isExhausted(state, now);
    if (exhausted === this.#exhausted) return;
    this.#exhausted = exhausted;
    const { events } = this.#site;
    if (exhausted && events.has('limitExhausted'))
      events.emit('limitExhausted', { ...this.#name, retryAfterMs: Math.ceil(state.endsAt - now) });
    if (!exhausted && events.has('limitAvailable')) events.emit('limitAvailable', { ...this.#name });
  }
}

/** The refusal of a call that has to wait. */
export function refusalOf(state: GateState, waitMs: number, pollMs: number | undefined): Refusal {
  const { limit, advertisedLimit, windowMs, remaining } = state;
  return {
    by: 'advertised',
    waitMs,
    // Calls in flight may be given back.
    againMs: remaining > 0 ? (pollMs ?? waitMs) : undefined,
    ...(state.phase === 'probing' && { probing: true }),
    limit: advertisedLimit ? limit : undefined,
    windowMs,
  };
}

/** What one response has told counts for so long, where there is plenty. */
const FRESH_MS = 20;
const PLENTY = { calls: 100, ratio: 0.1 };

/** Whether counting is enough. @param heardAt when the last response was read */
export function hasPlenty(state: GateState, now: number, heardAt: number): boolean {
  if (now - heardAt >= FRESH_MS || state.phase !== 'counting' || !state.advertisedLimit) return false;
  const { remaining, flight, cost, limit = Number.POSITIVE_INFINITY } = state;
  const left = refills(state) ? levelOf(state, now) : now < state.endsAt ? remaining - flight * cost : 0;
  return left >= PLENTY.calls * state.peak && left >= PLENTY.ratio * limit;
}

/** The refusal of every call until the window ends; `undefined` unless the limit is exhausted. */
export function exhaustedRefusal(state: GateState, now: number): Refusal | undefined {
  return isExhausted(state, now) ? refusalOf(state, state.endsAt - now, undefined) : undefined;
}

/** When calls may go again, by the clock of the state; 0 is now. */
export function readyAtOf(state: GateState, now: number): number {
  if (refills(state)) {
    const waitMs = waitForOne(state, now);
    return waitMs === 0 ? 0 : now + waitMs;
  }
  return hasRoom(state) || now >= state.endsAt ? 0 : state.endsAt;
}

/** A gate as `status()` lists it. @param shiftMs from the clock of its state to that of this process */
export function limitStatus(
  { api, credential, proxy, limit: name = DEFAULT }: LimitName,
  state: GateState,
  now: number,
  queued: number,
  shiftMs = 0,
): LimitStatus {
  const full = refills(state);
  const known = state.phase !== 'free' && (full || now < state.endsAt);
  const level = full ? levelOf(state, now) : state.remaining - state.flight * state.cost;
  const exhausted = known && readyAtOf(state, now) > 0;
  const resetsAt = full ? readyAtOf(state, now) || undefined : state.endsAt;
  return {
    api,
    name,
    credential,
    proxy,
    state: exhausted ? 'exhausted' : 'available',
    remaining: known ? Math.max(0, Math.floor(level)) : undefined,
    limit: state.limit,
    resetsAt: known && resetsAt !== undefined ? Math.round(resetsAt + shiftMs) : undefined,
    queued,
  };
}

/** What a limit without a name is listed as. */
export const DEFAULT = 'default';
