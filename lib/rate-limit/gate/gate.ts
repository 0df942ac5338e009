import type { LimitStatus } from '../../core/egress-status.js';
import type { Clock } from '../../core/steady-clock.js';
import type { AdvertisedLimits } from '../../http/advertised-limits.js';
import type { LimitName, RateLimitEmitter } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import { type GateState, isExhausted } from './gate-state.js';

/** A call that was let through, and the window in which it was counted, if any. */
export interface Passage {
  readonly window: number | undefined;
}

/** The advertised limit of a target for one credential and one egress proxy. Learns from responses; never throws. */
export interface Gate {
  /** Why no call may go, as far as this process knows; `undefined` if one may. */
  refusal(): Refusal | undefined;
  /** Lets a call through, or says why it may not go. */
  take(): Passage | Refusal | Promise<Passage | Refusal>;
  /** Takes back a call that never reached the target. */
  giveBack(passage: Passage): void;
  /** Counts a call without a response. */
  lose(passage: Passage): void;
  /** Learns from a response; `undefined` if it advertises nothing. */
  settle(passage: Passage, advertised: AdvertisedLimits | undefined): void;
  /** When calls are allowed again, in epoch milliseconds; 0 is now. */
  readyAt(): number;
  /** Whether anything is known. */
  readonly knows: boolean;
  status(queued: number): LimitStatus;
}

/** What the gates of a limiter share. */
export interface GateSite {
  readonly clock: Clock;
  readonly maxPauseMs: number;
  readonly events: RateLimitEmitter;
}

/** Emits an event when a limit is exhausted and when it is available again. */
export class GateHerald {
  readonly #name: LimitName;
  readonly #events: RateLimitEmitter;
  #exhausted = false;

  constructor(name: LimitName, events: RateLimitEmitter) {
    this.#name = name;
    this.#events = events;
  }

  check(state: GateState, now: number): void {
    const exhausted = isExhausted(state, now);
    if (exhausted === this.#exhausted) return;
    this.#exhausted = exhausted;
    if (exhausted && this.#events.has('limitExhausted'))
      this.#events.emit('limitExhausted', { ...this.#name, retryAfterMs: Math.ceil(state.endsAt - now) });
    if (!exhausted && this.#events.has('limitAvailable'))
      this.#events.emit('limitAvailable', { ...this.#name });
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
    limit: advertisedLimit ? limit : undefined,
    windowMs,
  };
}

/** The refusal of every call until the window ends; `undefined` unless the limit is exhausted. */
export function exhaustedRefusal(state: GateState, now: number): Refusal | undefined {
  return isExhausted(state, now) ? refusalOf(state, state.endsAt - now, undefined) : undefined;
}

/** When calls may go again, by the clock of the state; 0 is now. */
export function readyAtOf(state: GateState, now: number): number {
  return state.remaining - state.flight > 0 || now >= state.endsAt ? 0 : state.endsAt;
}

/** A gate as `status()` lists it. @param shiftMs from the clock of its state to that of this process */
export function limitStatus(
  { api, credential, proxy }: LimitName,
  state: GateState,
  now: number,
  queued: number,
  shiftMs = 0,
): LimitStatus {
  const over = now >= state.endsAt;
  const known = state.phase !== 'free' && !over;
  return {
    api,
    name: 'default',
    credential,
    proxy,
    state: known && state.remaining - state.flight <= 0 ? 'exhausted' : 'available',
    remaining: known ? Math.max(0, state.remaining - state.flight) : undefined,
    limit: state.limit,
    resetsAt: known ? Math.round(state.endsAt + shiftMs) : undefined,
    queued,
  };
}
