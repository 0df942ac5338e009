import type { LimitStatus } from '../../core/egress-status.js';
import type { LimitNews } from '../../http/advertised-limits.js';
import type { LimitName } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import type { Cells } from './cells.js';
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
import {
  countCall,
  freeGate,
  type GateState,
  loseCall,
  passageOf,
  returnCall,
  settleCall,
  takeCall,
} from './gate-state.js';
import { decodeGate, encodeGate } from './gate-text.js';
import { UNCOUNTED } from './local-gate.js';

/** Equal to no state, so the script returns the state there is. */
const NOT_ASKED = '?';

/** While nothing is known, Redis is read this often: another process may know something. */
const ASK_AGAIN_MS = 1000;

/** How often a waiting call checks whether another process has freed something. */
const POLL_MS = 20;

/** After losing the swap to others for this long, a process goes on with what it knows. */
const GIVE_UP_MS = 1000;

/** How much clocks drift apart, at most. */
const DRIFT = 0.001;

/** Without Redis for long, what happened at first matters no more. */
const MOST_OWED = 1000;

/** A change of the state; applied again if the state has changed in the meantime. */
interface Change {
  apply(state: GateState, now: number): void;
  /** Applies it to a state in which it is missing though it has happened. */
  again?(state: GateState, now: number): void;
  done?(state: GateState, now: number): void;
}

/**
 * A gate shared between processes. Its state is a value in Redis, which every change swaps for a new one; changes that
 * come up during a swap are applied together by the next. While nothing is known, Redis is hardly used; without Redis
 * the process goes on with what it knows.
 */
export class SharedGate implements Gate {
  readonly #name: LimitName;
  readonly #site: GateSite;
  readonly #cells: Cells;
  readonly #key: string;
  readonly #herald: GateHerald;
  /** The value in Redis, as last seen. */
  #text = NOT_ASKED;
  #state: GateState;
  /** Calls that passed while nothing was known; other processes do not know of them. */
  #uncounted: GateState;
  /** Difference between the clock of Redis and that of this process. */
  #shiftMs = 0;
  /** It may be wrong by half of this, and more with time. */
  #shiftWithinMs = Number.POSITIVE_INFINITY;
  #shiftAt = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #changes: Change[] = [];
  /** What has happened here, and Redis may not know. */
  #owed: Change[] = [];
  /** A state that may have been written, though Redis did not reply. */
  #unsure: string | undefined;
  #swapping = false;

  constructor(name: LimitName, site: GateSite, cells: Cells, key: string) {
    this.#name = name;
    this.#site = site;
    this.#cells = cells;
    this.#key = key;
    this.#herald = new GateHerald(name, site);
    this.#state = freeGate(site.clock());
    this.#uncounted = freeGate(site.clock());
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

  // Another process can only have made it longer.
  refusal(now = this.#site.clock()): Refusal | undefined {
    return exhaustedRefusal(this.#state, now + this.#shiftMs);
  }

  take(now?: number): Passage | Refusal | Promise<Passage | Refusal> {
    const state = this.#state;
    if (state.phase === 'free') {
      if (this.#text === NOT_ASKED && this.#cells.usable) return this.#taken();
      if (this.#site.clock() - this.#askedAt > ASK_AGAIN_MS) this.#change({ apply() {} });
      return UNCOUNTED;
    }
    return this.refusal(now) ?? this.#taken();
  }

  giveBack(passage: Passage): void {
    if (passage.window !== undefined) this.#change({ apply: (state) => returnCall(state, passage) });
  }

  lose(passage: Passage): void {
    if (passage.window !== undefined) this.#change({ apply: (state) => loseCall(state, passage) });
  }

  hasPlenty(now: number): boolean {
    return hasPlenty(this.#state, now + this.#shiftMs, this.#heardAt + this.#shiftMs);
  }

  settle(passage: Passage, advertised: LimitNews | undefined): void {
    const { maxPauseMs, clock } = this.#site;
    if (advertised) this.#heardAt = clock();
    if (this.#state.phase === 'free' && !advertised) {
      settleCall(this.#uncounted, UNCOUNTED, undefined, clock(), maxPauseMs);
      return;
    }
    const { passed } = this.#uncounted;
    this.#uncounted = freeGate(clock());
    this.#change({
      apply: (state, now) => {
        // Each process has seen a part of the calls that passed before the 429.
        if (passed > 0 && !state.advertisedLimit && (state.phase === 'free' || state.overrun))
          state.passed += passed;
        settleCall(state, passage, advertised, now, maxPauseMs);
      },
    });
  }

  readyAt(): number {
    const readyAt = readyAtOf(this.#state, this.#now());
    return readyAt === 0 ? 0 : readyAt - this.#shiftMs;
  }

  status(queued: number): LimitStatus {
    return limitStatus(this.#name, this.#state, this.#now(), queued, -this.#shiftMs);
  }

  #now(): number {
    return this.#site.clock() + this.#shiftMs;
  }

  #taken(): Promise<Passage | Refusal> {
    return new Promise((resolve) => {
      let waitMs = 0;
      let passage = UNCOUNTED;
      this.#change({
        apply: (state, now) => {
          waitMs = takeCall(state, now);
          passage = passageOf(state, now);
        },
        again: (state, now) => {
          if (waitMs <= 0) countCall(state, now);
        },
        done: (state) => resolve(waitMs > 0 ? refusalOf(state, waitMs, POLL_MS) : passage),
      });
    });
  }

  #change(change: Change): void {
    this.#changes.push(change);
    if (!this.#swapping) void this.#swapAll();
  }

  async #swapAll(): Promise<void> {
    this.#swapping = true;
    try {
      await this.#swap();
    } finally {
      // A change may have come up since, or a listener of the application may have thrown.
      this.#swapping = false;
      if (this.#changes.length > 0) void this.#swapAll();
    }
  }

  /** Applies changes until there are none left. */
  async #swap(): Promise<void> {
    let giveUpAt = this.#site.clock() + GIVE_UP_MS;
    while (this.#changes.length > 0) {
      const count = this.#changes.length;
      const state = { ...this.#state };
      const now = this.#now();
      for (const change of this.#changes) change.apply(state, now);
      const text = state.phase === 'free' && this.#text === '' ? '' : encodeGate(state);
      const response = await this.#send(text);
      if (response?.swapped === false && this.#site.clock() < giveUpAt) continue;
      giveUpAt = this.#site.clock() + GIVE_UP_MS;
      this.#state = state;
      const applied = this.#changes.splice(0, count);
      if (response?.swapped) this.#written(text);
      else this.#owe(applied, text);
      for (const change of applied) change.done?.(state, now);
      this.#herald.check(state, now);
    }
  }

  #written(text: string): void {
    this.#text = text;
    this.#owed = [];
    this.#unsure = undefined;
  }

  /** A call that has ended has to be told to Redis some time: until then others would think it under way. */
  #owe(changes: readonly Change[], text: string): void {
    this.#unsure = text;
    if (this.#text === NOT_ASKED) return;
    this.#owed.push(...changes);
    if (this.#owed.length > MOST_OWED) this.#owed.splice(0, this.#owed.length - MOST_OWED);
  }

  /** A quick reply tells the time of Redis best: a slow one counts only where the clocks cannot be as they were. */
  #learnShift(time: number, before: number, after: number): void {
    const withinMs = after - before;
    const shiftMs = time - (before + after) / 2;
    const knownWithinMs = this.#shiftWithinMs + (after - this.#shiftAt) * DRIFT;
    if (withinMs > knownWithinMs && Math.abs(shiftMs - this.#shiftMs) <= (withinMs + knownWithinMs) / 2 + 1)
      return;
    this.#shiftMs = shiftMs;
    this.#shiftWithinMs = withinMs;
    this.#shiftAt = after;
  }

  /** Goes on with the state of Redis. */
  #adopt(text: string): void {
    this.#text = text;
    // A lost or unreadable state is replaced by what this process knows.
    const state = decodeGate(text);
    if (!state) return;
    if (text === this.#unsure) this.#owed = [];
    this.#state = state;
    const now = this.#now();
    for (const change of this.#owed) (change.again ?? change.apply)(state, now);
  }

  /** @returns `undefined` without Redis; its state counts again when it is back */
  async #send(text: string): Promise<{ swapped: boolean } | undefined> {
    const lifetimeMs = Math.ceil(2 * this.#site.maxPauseMs);
    const before = this.#site.clock();
    this.#askedAt = before;
    const response = await this.#cells.swap(this.#key, this.#text, text, lifetimeMs);
    if (!response) return undefined;
    const [swapped, current, time] = response;
    this.#learnShift(Number(time), before, this.#site.clock());
    if (swapped === 1) return { swapped: true };
    this.#adopt(String(current));
    return { swapped: false };
  }
}
