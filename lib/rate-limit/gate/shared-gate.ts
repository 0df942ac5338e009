import type { LimitStatus } from '../../core/egress-status.js';
import type { RedisLink } from '../../redis/link.js';
import type { LimitName } from '../rate-limit-events.js';
import type { Refusal } from '../refusal.js';
import type { AdvertisedLimits } from './advertised-limits.js';
import {
  closedRefusal,
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
 * Puts a new state in the place of the one it was made from; where another process was quicker, hands out its state.
 * The time is Redis' own, so that the clocks of the processes do not matter.
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

/** No state reads like this: what is there is handed out. */
const NOT_ASKED = '?';

/** While nothing is known it is asked this often whether another process does. */
const ASK_AGAIN_MS = 1000;

/** How soon a call that waits looks whether another process has set something free. */
const POLL_MS = 20;

/** Others may be quicker for this long before a process goes on with what it knows. */
const GIVE_UP_MS = 100;

/** A change of the state, applied to whatever the state is by then. */
interface Change {
  apply(state: GateState, now: number): void;
  done?(state: GateState, now: number): void;
}

/**
 * A gate that processes share: its state is a value in Redis that each change swaps for a new one. What happens while a
 * swap is on its way is one swap together. As long as nothing is known Redis is not asked; without Redis the process
 * goes on with what it knew.
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
  /** What passed while nothing was known, which nobody else has heard of. */
  #uncounted: GateState;
  /** From the clock of this process to that of Redis. */
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

  // Others can only have closed it for longer.
  closed(): Refusal | undefined {
    return closedRefusal(this.#state, this.#now());
  }

  take(): Passage | Refusal | Promise<Passage | Refusal> {
    const state = this.#state;
    if (state.phase === 'free') {
      if (this.#text === NOT_ASKED && this.#link.usable) return this.#taken();
      if (this.#site.clock() - this.#askedAt > ASK_AGAIN_MS) this.#change({ apply() {} });
      return UNCOUNTED;
    }
    return this.closed() ?? this.#taken();
  }

  giveBack({ window }: Passage): void {
    if (window !== undefined) this.#change({ apply: (state) => returnCall(state, window) });
  }

  lose({ window }: Passage): void {
    if (window !== undefined) this.#change({ apply: (state) => loseCall(state, window) });
  }

  settle({ window }: Passage, told: AdvertisedLimits | undefined): void {
    const { maxPauseMs, clock } = this.#site;
    if (this.#state.phase === 'free' && !told) {
      settleCall(this.#uncounted, undefined, undefined, clock(), maxPauseMs);
      return;
    }
    const { passed } = this.#uncounted;
    this.#uncounted = freeGate(clock());
    this.#change({
      apply: (state, now) => {
        // Each process has seen a part of what passed before the limit was met.
        if (passed > 0 && !state.advertisedLimit && (state.phase === 'free' || state.overrun))
          state.passed += passed;
        settleCall(state, window, told, now, maxPauseMs);
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
      // Something may have come up since, or a listener of the application's may have thrown.
      this.#swapping = false;
      if (this.#changes.length > 0) void this.#swapAll();
    }
  }

  /** Applies what has come up, until nothing has. */
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
      this.#herald.look(state, now);
    }
  }

  /** @returns `undefined` without Redis, whose state counts again when it is back */
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
    // What Redis has lost, or cannot be read, is made anew of what is known here.
    this.#state = decodeGate(this.#text) ?? this.#state;
    return { swapped: false };
  }
}
