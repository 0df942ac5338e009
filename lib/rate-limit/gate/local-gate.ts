import type { LimitStatus } from '../../core/egress-status.js';
import type { AdvertisedLimits } from '../../http/advertised-limits.js';
import type { LimitName } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import {
  exhaustedRefusal,
  type Gate,
  GateHerald,
  type GateSite,
  limitStatus,
  type Passage,
  readyAtOf,
  refusalOf,
} from './gate.js';
import { freeGate, loseCall, returnCall, settleCall, takeCall, windowOf } from './gate-state.js';

/** A passage that is not counted. */
export const UNCOUNTED: Passage = Object.freeze({ window: undefined });

/** A gate of this process alone. */
export class LocalGate implements Gate {
  readonly #name: LimitName;
  readonly #site: GateSite;
  readonly #herald: GateHerald;
  readonly #state;

  constructor(name: LimitName, site: GateSite) {
    this.#name = name;
    this.#site = site;
    this.#herald = new GateHerald(name, site.events);
    this.#state = freeGate(site.clock());
  }

  get knows(): boolean {
    return this.#state.phase !== 'free';
  }

  refusal(): Refusal | undefined {
    return exhaustedRefusal(this.#state, this.#site.clock());
  }

  take(): Passage | Refusal {
    const state = this.#state;
    if (state.phase === 'free') return UNCOUNTED;
    const now = this.#site.clock();
    const waitMs = takeCall(state, now);
    this.#herald.check(state, now);
    return waitMs > 0 ? refusalOf(state, waitMs, undefined) : { window: windowOf(state) };
  }

  giveBack(passage: Passage): void {
    returnCall(this.#state, passage.window);
  }

  lose(passage: Passage): void {
    loseCall(this.#state, passage.window);
  }

  settle(passage: Passage, advertised: AdvertisedLimits | undefined): void {
    const { clock, maxPauseMs } = this.#site;
    const now = clock();
    settleCall(this.#state, passage.window, advertised, now, maxPauseMs);
    this.#herald.check(this.#state, now);
  }

  readyAt(): number {
    return readyAtOf(this.#state, this.#site.clock());
  }

  status(queued: number): LimitStatus {
    return limitStatus(this.#name, this.#state, this.#site.clock(), queued);
  }
}
