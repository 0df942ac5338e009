import type { LimitStatus } from '../../core/egress-status.js';
import type { LimitNews } from '../../http/advertised-limits.js';
import type { LimitName } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import {
  exhaustedRefusal,
  type Gate,
  GateHerald,
  type GateSite,
  hasPlenty,
  limitStatus,
  type Passage,
  readyAtOf,
  refusalOf,
} from './gate.js';
import { freeGate, loseCall, passageOf, returnCall, settleCall, takeCall, windowOf } from './gate-state.js';
import { refills } from './refill.js';

/** A passage that is not counted. */
export const UNCOUNTED: Passage = Object.freeze({ window: undefined });

/** A gate of this process alone. */
export class LocalGate implements Gate {
  readonly #name: LimitName;
  readonly #site: GateSite;
  readonly #herald: GateHerald;
  readonly #state;
  #passage = UNCOUNTED;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(name: LimitName, site: GateSite) {
    this.#name = name;
    this.#site = site;
    this.#herald = new GateHerald(name, site);
    this.#state = freeGate(site.clock());
  }

  get knows(): boolean {
    return this.#state.phase !== 'free';
  }

  get advertises(): boolean {
    return this.#state.advertisedLimit;
  }

  get flight(): number {
    return this.#state.flight;
  }

  get needs(): number {
    return this.#state.peak;
  }

  refusal(now?: number): Refusal | undefined {
    // Each call asks: the clock is not looked at without need.
    if (this.#state.phase === 'free') return undefined;
    return exhaustedRefusal(this.#state, now ?? this.#site.clock());
  }

  take(known?: number): Passage | Refusal {
    const state = this.#state;
    if (state.phase === 'free') return UNCOUNTED;
    const now = known ?? this.#site.clock();
    const waitMs = takeCall(state, now);
    this.#herald.check(state, now);
    if (waitMs > 0) return refusalOf(state, waitMs, undefined);
    if (refills(state)) return passageOf(state, now);
    // One serves all calls of a window.
    if (this.#passage.window !== windowOf(state)) this.#passage = passageOf(state, now);
    return this.#passage;
  }

  giveBack(passage: Passage): void {
    returnCall(this.#state, passage);
  }

  lose(passage: Passage): void {
    loseCall(this.#state, passage);
  }

  hasPlenty(now: number): boolean {
    return hasPlenty(this.#state, now, this.#heardAt);
  }

  settle(passage: Passage, advertised: LimitNews | undefined, now = this.#site.clock()): void {
    if (advertised) this.#heardAt = now;
    settleCall(this.#state, passage, advertised, now, this.#site.maxPauseMs);
    this.#herald.check(this.#state, now);
  }

  readyAt(): number {
    return readyAtOf(this.#state, this.#site.clock());
  }

  status(queued: number): LimitStatus {
    return limitStatus(this.#name, this.#state, this.#site.clock(), queued);
  }
}
