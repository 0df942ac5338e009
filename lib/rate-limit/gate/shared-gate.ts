import type { LimitStatus } from '../../core/egress-status.js';
import type { AdvertisedLimits } from '../../http/advertised-limits.js';
import type { RedisLink } from '../../redis/link.js';
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
import {
  freeGate,
  type GateState,
  loseCall,
  returnCall,
  settleCall,
  takeCall,
  windowOf,
} from './gate-state.js';
import { decodeGate, encodeGate } from './gate-text.js';
import { UNCOUNTED } from './local-gate.js';

/**
 * Compare and swap: replaces the state that the new one was made from. If another process was quicker, returns its
 * state instead. The time is that of Redis, so that the clocks of the processes do not matter.
 *
 * KEYS: the gate. ARGV: state it was made from, new state, lifetime in ms
 */
const SWAP = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = redis.call('GET', KEYS[1]) or ''
if current ~= ARGV[1] then return {0, current, now} end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {1, '', now}
`;

/** Equal to no state, so the script returns the state there is. */
const NOT_ASKED = '?';

/** While nothing is known, Redis is read this often: another process may know something. */
const ASK_AGAIN_MS = 1000;

/** How often a waiting call checks whether another process has freed something. */
const POLL_MS = 20;

/** After losing the swap to others for this long, a process goes on with what it knows. */
const GIVE_UP_MS = 100;

/** A change of the state; applied again if the state has changed in the meantime. */
interface Change {
  apply(state: GateState, now: number): void;
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
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #herald: GateHerald;
  /** The value in Redis, as last seen. */
  #text = NOT_ASKED;
  #state: GateState;
  /** Calls that passed while nothing was known; other processes do not know of them. */
  #uncounted: GateState;
  /** Difference between the clock of Redis and that of this process. */
  #shiftMs = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #changes: Change[] = [];
  #swapping = false;

  constructor(name: LimitName, site: GateSite, link: RedisLink, key: string) {
    this.#name = name;
    this.#site = site;
    this.#link = link;
    this.#key = key;
    this.#herald = new GateHerald(name, site.events);
    this.#state = freeGate(site.clock());
    this.#uncounted = freeGate(site.clock());
  }

  get knows(): boolean {
    return this.#state.phase !== 'free';
  }

  // Another process can only have made it longer.
  refusal(): Refusal | undefined {
    return exhaustedRefusal(this.#state, this.#now());
  }

  take(): Passage | Refusal | Promise<Passage | Refusal> {
    const state = this.#state;
    if (state.phase === 'free') {
      if (this.#text === NOT_ASKED && this.#link.usable) return this.#taken();
      if (this.#site.clock() - this.#askedAt > ASK_AGAIN_MS) this.#change({ apply() {} });
      return UNCOUNTED;
    }
    return this.refusal() ?? this.#taken();
  }

  giveBack({ window }: Passage): void {
    if (window !== undefined) this.#change({ apply: (state) => returnCall(state, window) });
  }

  lose({ window }: Passage): void {
    if (window !== undefined) this.#change({ apply: (state) => loseCall(state, window) });
  }

  settle({ window }: Passage, advertised: AdvertisedLimits | undefined): void {
    const { maxPauseMs, clock } = this.#site;
    if (this.#state.phase === 'free' && !advertised) {
      settleCall(this.#uncounted, undefined, undefined, clock(), maxPauseMs);
      return;
    }
    const { passed } = this.#uncounted;
    this.#uncounted = freeGate(clock());
    this.#change({
      apply: (state, now) => {
        // Each process has seen a part of the calls that passed before the 429.
        if (passed > 0 && !state.advertisedLimit && (state.phase === 'free' || state.overrun))
          state.passed += passed;
        settleCall(state, window, advertised, now, maxPauseMs);
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
      let window: number | undefined;
      this.#change({
        apply: (state, now) => {
          waitMs = takeCall(state, now);
          window = windowOf(state);
        },
        done: (state) => resolve(waitMs > 0 ? refusalOf(state, waitMs, POLL_MS) : { window }),
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
      if (response?.swapped) this.#text = text;
      this.#state = state;
      for (const change of this.#changes.splice(0, count)) change.done?.(state, now);
      this.#herald.check(state, now);
    }
  }

  /** @returns `undefined` without Redis; its state counts again when it is back */
  async #send(text: string): Promise<{ swapped: boolean } | undefined> {
    const { client } = this.#link;
    const lifetimeMs = Math.ceil(2 * this.#site.maxPauseMs);
    const before = this.#site.clock();
    this.#askedAt = before;
    const response = await this.#link.lookUp(this.#key, () =>
      client.eval(SWAP, 1, this.#key, this.#text, text, lifetimeMs),
    );
    if (!response.ok || !Array.isArray(response.value)) return undefined;
    const [swapped, current, time] = response.value;
    this.#shiftMs = Number(time) - (before + this.#site.clock()) / 2;
    if (swapped === 1) return { swapped: true };
    this.#text = String(current);
    // A lost or unreadable state is replaced by what this process knows.
    this.#state = decodeGate(this.#text) ?? this.#state;
    return { swapped: false };
  }
}
