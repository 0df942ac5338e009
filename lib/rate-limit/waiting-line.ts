import type { ProxyError } from '../core/errors.js';
import type { StopTimer, Time } from '../core/time.js';
import type { Refusal } from './refusal.js';
import { Turns } from './turns.js';

/** A waiting call. */
export interface Waiter {
  /** On whose behalf it waits: parties take turns. */
  readonly party: string;
  /** The limits it needs: no later call that needs one of them overtakes it. */
  lanes(): readonly unknown[];
  /** End of its waiting time, by the line's steady clock. */
  readonly deadline: number;
  /** Takes what the call needs, or says which lane is blocked, and until when. */
  attempt(): Promise<Blocked | undefined> | Blocked | undefined;
  /** Whether it goes on waiting for this; always, where it is missing. */
  stays?(blocked: Blocked): boolean;
  /** Why waiting has lost its sense. Then it goes at once, without what it needs, or with an error. */
  inVain?(): ProxyError | 'blocked' | undefined;
  /** Called when its place is given to another party's. */
  crowdedOut?(): void;
  /** Called when it has got what it needs, or waits in vain. */
  go(error?: ProxyError): void;
  /** Called when its waiting time is over; `blocked` says what it was waiting for. */
  late(blocked: Blocked): void;
}

/** Why a waiter cannot go yet. */
export interface Blocked {
  readonly lane: unknown;
  readonly refusal: Refusal;
}

/** How often it is looked for calls whose wait has lost its sense, which nothing else may tell. */
const WATCH_MS = 100;

/** A timer may fire a little early, when nothing has changed yet. */
const TIMER_SLACK_MS = 1;

/** The longest timer: above it one fires at once. It is set again when it has fired. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * The queue: first come, first served among calls that need the same limit and wait on behalf of the same party; parties
 * take turns. One timer serves all of them.
 */
export class WaitingLine {
  readonly #time: Time;
  /** Waiters and what blocks each, in order of arrival. */
  readonly #waiters = new Map<Waiter, Blocked>();
  readonly #lanes = new Map<unknown, number>();
  /** Lanes whose calls wait for the response of a probe. */
  readonly #probing = new Set<unknown>();
  readonly #turns = new Turns();
  #stopWatching: StopTimer | undefined;
  #timer: StopTimer | undefined;
  #timerAt = 0;
  #serving = false;
  #again = false;

  constructor(time: Time) {
    this.#time = time;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** Number of calls that wait for this lane. */
  countAt(lane: unknown): number {
    return this.#lanes.get(lane) ?? 0;
  }

  /** Calls that wait for something, and the parties on whose behalf. */
  waiting(isFor: (blocked: Blocked) => boolean): { readonly calls: number; readonly parties: number } {
    const parties = new Set<string>();
    let calls = 0;
    for (const [{ party }, blocked] of this.#waiters) {
      if (!isFor(blocked)) continue;
      calls++;
      parties.add(party);
    }
    return { calls, parties: parties.size };
  }

  /** Whether those who wait for this lane wait for a response that is about to tell. */
  isProbing(lane: unknown): boolean {
    return this.#probing.has(lane);
  }

  /**
   * Whether there is a place for one more. A full line takes the last place of the party with the longest backlog, if
   * that is longer than this party's would be.
   */
  hasPlace(party: string, max: number): boolean {
    if (this.#waiters.size < max) return true;
    const crowd = this.#turns.crowdedBy(party);
    if (crowd === undefined) return false;
    const last = [...this.#waiters.keys()].findLast((waiter) => waiter.party === crowd);
    if (!last?.crowdedOut) return false;
    this.leave(last);
    last.crowdedOut();
    return true;
  }

  /** Adds a waiter at the end. */
  join(waiter: Waiter, blocked: Blocked): void {
    const isFirst = this.countAt(blocked.lane) === 0;
    this.#waiters.set(waiter, blocked);
    if (waiter.inVain) this.#watchOn();
    this.#turns.add(waiter);
    this.#count(blocked.lane, 1);
    this.#note(blocked);
    // Something may have been freed before the first waiter joined. Later waiters stand behind another one anyway.
    if (isFirst) this.wake();
    else this.#wakeBy(waiter.deadline);
  }

  /** Removes a waiter. */
  leave(waiter: Waiter): void {
    const blocked = this.#waiters.get(waiter);
    if (!blocked) return;
    this.#waiters.delete(waiter);
    this.#turns.remove(waiter);
    this.#count(blocked.lane, -1);
    if (this.#waiters.size > 0) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  /** Checks who can go, since something may have been freed. */
  wake(): void {
    if (this.#waiters.size === 0) return;
    this.#again = true;
    if (!this.#serving) void this.#serveAll();
  }

  /** Ends the waiting time of all waiters. */
  close(): void {
    this.#stopTimer();
    for (const waiter of [...this.#waiters.keys()]) this.#tooLate(waiter);
  }

  #watchOn(): void {
    this.#stopWatching ??= this.#time.after(WATCH_MS, () => {
      this.#stopWatching = undefined;
      for (const waiter of [...this.#waiters.keys()]) this.#dropIfVain(waiter);
      if (this.#waiters.size > 0) this.#watchOn();
    });
  }

  #dropIfVain(waiter: Waiter): boolean {
    const reason = waiter.inVain?.();
    if (!reason) return false;
    this.leave(waiter);
    waiter.go(reason === 'blocked' ? undefined : reason);
    return true;
  }

  async #serveAll(): Promise<void> {
    this.#serving = true;
    this.#stopTimer();
    let wakeAt = 0;
    try {
      wakeAt = await this.#serve();
    } finally {
      // Something may have been freed since, or a listener of the application may have thrown.
      this.#serving = false;
      if (this.#again) this.wake();
      else if (this.#waiters.size > 0) this.#wakeBy(wakeAt);
    }
  }

  /** @returns when to check again */
  async #serve(): Promise<number> {
    let wakeAt = Number.POSITIVE_INFINITY;
    const blocked = new Map<unknown, Blocked>();
    let rest = this.#turns.order(this.#waiters.keys());
    for (;;) {
      if (this.#again) {
        // From the front: what was freed belongs to the first in line.
        this.#again = false;
        wakeAt = Number.POSITIVE_INFINITY;
        blocked.clear();
        rest = this.#turns.order(this.#waiters.keys());
      }
      const { value: waiter, done } = rest.next();
      if (done || !waiter) break;
      if (!this.#waiters.has(waiter)) continue;
      if (this.#dropIfVain(waiter)) continue;
      wakeAt = Math.min(wakeAt, waiter.deadline);
      if (waiter.deadline <= this.#time.steady()) {
        this.#tooLate(waiter);
        continue;
      }
      const lane = blocked.size > 0 ? waiter.lanes().find((lane) => blocked.has(lane)) : undefined;
      const why = blocked.get(lane) ?? (await this.#try(waiter));
      if (!why) continue;
      if (waiter.stays?.(why) === false) {
        this.#waitsFor(waiter, why);
        this.#tooLate(waiter);
        continue;
      }
      this.#waitsFor(waiter, why);
      if (lane !== undefined) continue;
      blocked.set(why.lane, why);
      wakeAt = Math.min(wakeAt, this.#time.steady() + (why.refusal.againMs ?? why.refusal.waitMs));
    }
    return wakeAt;
  }

  async #try(waiter: Waiter): Promise<Blocked | undefined> {
    const why = await waiter.attempt();
    if (why) return why;
    this.#turns.served(waiter);
    this.leave(waiter);
    waiter.go();
    return undefined;
  }

  #waitsFor(waiter: Waiter, why: Blocked): void {
    const before = this.#waiters.get(waiter);
    // It may have left in the meantime.
    if (!before || before === why) return;
    this.#count(why.lane, 1);
    this.#count(before.lane, -1);
    this.#note(why);
    this.#waiters.set(waiter, why);
  }

  #tooLate(waiter: Waiter): void {
    const blocked = this.#waiters.get(waiter);
    this.leave(waiter);
    if (blocked) waiter.late(blocked);
  }

  #count(lane: unknown, by: number): void {
    const count = this.countAt(lane) + by;
    if (count > 0) this.#lanes.set(lane, count);
    else {
      this.#lanes.delete(lane);
      this.#probing.delete(lane);
    }
  }

  #note({ lane, refusal }: Blocked): void {
    if (!this.#lanes.has(lane)) return;
    if (refusal.probing) this.#probing.add(lane);
    else this.#probing.delete(lane);
  }

  #wakeBy(instant: number): void {
    if (this.#timer && this.#timerAt <= instant) return;
    this.#stopTimer();
    const delayMs = Math.ceil(instant - this.#time.steady()) + TIMER_SLACK_MS;
    this.#timer = this.#time.after(Math.min(LONGEST_TIMER_MS, Math.max(1, delayMs)), () => this.wake());
    this.#timerAt = instant;
  }

  #stopTimer(): void {
    this.#timer?.();
    this.#timer = undefined;
  }
}
