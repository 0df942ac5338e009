import type { StopTimer, Time } from '../core/time.js';
import type { Refusal } from './refusal.js';

/** A waiting call. */
export interface Waiter {
  /** The limits it needs: no later call that needs one of them overtakes it. */
  readonly lanes: readonly unknown[];
  /** End of its waiting time, by the line's steady clock. */
  readonly deadline: number;
  /** Takes what the call needs, or says which lane is blocked, and until when. */
  attempt(): Promise<Blocked | undefined> | Blocked | undefined;
  /** Called when it has got what it needs. */
  go(): void;
  /** Called when its waiting time is over; `blocked` says what it was waiting for. */
  late(blocked: Blocked): void;
}

/** Why a waiter cannot go yet. */
export interface Blocked {
  readonly lane: unknown;
  readonly refusal: Refusal;
}

/** A timer may fire a little early, when nothing has changed yet. */
const TIMER_SLACK_MS = 1;

/** The longest timer: above it one fires at once. It is set again when it has fired. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The queue: first come, first served among calls that need the same limit. One timer serves all of them. */
export class WaitingLine {
  readonly #time: Time;
  /** Waiters and what blocks each, in order of arrival. */
  readonly #waiters = new Map<Waiter, Blocked>();
  readonly #lanes = new Map<unknown, number>();
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

  /** Adds a waiter at the end. */
  join(waiter: Waiter, blocked: Blocked): void {
    const isFirst = this.countAt(blocked.lane) === 0;
    this.#waiters.set(waiter, blocked);
    this.#count(blocked.lane, 1);
    // Something may have been freed before the first waiter joined. Later waiters stand behind another one anyway.
    if (isFirst) this.wake();
    else this.#wakeBy(waiter.deadline);
  }

  /** Removes a waiter. */
  leave(waiter: Waiter): void {
    const blocked = this.#waiters.get(waiter);
    if (!blocked) return;
    this.#waiters.delete(waiter);
    this.#count(blocked.lane, -1);
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
    let rest = this.#waiters.keys();
    for (;;) {
      if (this.#again) {
        // From the front: what was freed belongs to the first in line.
        this.#again = false;
        wakeAt = Number.POSITIVE_INFINITY;
        blocked.clear();
        rest = this.#waiters.keys();
      }
      const { value: waiter, done } = rest.next();
      if (done || !waiter) break;
      wakeAt = Math.min(wakeAt, waiter.deadline);
      if (waiter.deadline <= this.#time.steady()) {
        this.#tooLate(waiter);
        continue;
      }
      const lane = waiter.lanes.find((lane) => blocked.has(lane));
      const why = blocked.get(lane) ?? (await this.#try(waiter));
      if (!why) continue;
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
    this.leave(waiter);
    waiter.go();
    return undefined;
  }

  #waitsFor(waiter: Waiter, why: Blocked): void {
    const before = this.#waiters.get(waiter);
    // It may have left in the meantime.
    if (!before || before === why) return;
    this.#count(before.lane, -1);
    this.#count(why.lane, 1);
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
    else this.#lanes.delete(lane);
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
