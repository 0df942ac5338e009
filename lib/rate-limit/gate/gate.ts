import type { LimitStatus } from '../../core/egress-status.js';
import type { Clock } from '../../core/steady-clock.js';
import type { LimitName, RateLimitEmitter } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import type { AdvertisedLimits } from './advertised-limits.js';
import { type GateState, isClosed } from './gate-state.js';

/** A call that was let through; `window` is what it was counted in, if anything was counted. */
export interface Passage {
  readonly window: number | undefined;
}

/** What one target allows for one credential through one exit. Learns from answers; whatever it needs, nothing throws. */
export interface Gate {
  /** Why no call can be let through, where that is known without asking anybody. */
  closed(): Refusal | undefined;
  /** Lets a call through, or says why not. */
  take(): Passage | Refusal | Promise<Passage | Refusal>;
  /** Takes back a call that never reached the target. */
  giveBack(passage: Passage): void;
  /** Counts a call that was not answered. */
  lose(passage: Passage): void;
  /** Learns from an answer; `undefined` where it told nothing. */
  settle(passage: Passage, told: AdvertisedLimits | undefined): void;
  /** When calls are allowed again, in epoch milliseconds; 0 is now. */
  readyAt(): number;
  /** Whether anything is known. */
  readonly knows: boolean;
  status(queued: number): LimitStatus;
}

/** What all gates of a limiter have in common. */
export interface GateSite {
  readonly clock: Clock;
  readonly maxPauseMs: number;
  readonly events: RateLimitEmitter;
}

/** Tells when a gate closes and when calls go again. */
export class GateHerald {
  readonly #name: LimitName;
  readonly #events: RateLimitEmitter;
  #closed = false;

  constructor(name: LimitName, events: RateLimitEmitter) {
    this.#name = name;
    this.#events = events;
  }

  look(state: GateState, now: number): void {
    const closed = isClosed(state, now);
    if (closed === this.#closed) return;
    this.#closed = closed;
    if (closed && this.#events.has('limitExhausted'))
      this.#events.emit('limitExhausted', { ...this.#name, retryAfterMs: Math.ceil(state.endsAt - now) });
    if (!closed && this.#events.has('limitAvailable')) this.#events.emit('limitAvailable', { ...this.#name });
  }
}

/** What is said to a call that has to wait for a gate. */
export function refusalOf(state: GateState, waitMs: number, pollMs: number | undefined): Refusal {
  const { limit, advertisedLimit, windowMs, remaining } = state;
  return {
    by: 'advertised',
    waitMs,
    // Calls are in flight, and what becomes of them may set some free.
    againMs: remaining > 0 ? (pollMs ?? waitMs) : undefined,
    limit: advertisedLimit ? limit : undefined,
    windowMs,
  };
}

/** What a gate says to all calls until its window ends. */
export function closedRefusal(state: GateState, now: number): Refusal | undefined {
  return isClosed(state, now) ? refusalOf(state, state.endsAt - now, undefined) : undefined;
}

/** When a gate lets calls through again, on the clock of its state; 0 is now. */
export function readyAtOf(state: GateState, now: number): number {
  return state.remaining - state.flight > 0 || now >= state.endsAt ? 0 : state.endsAt;
}

/** A gate as `status()` lists it; `shiftMs` leads from the clock of its state to this process'. */
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
