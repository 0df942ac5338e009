import type { Clock } from '../core/steady-clock.js';
import type { Refusal } from './refusal.js';

/** A call that waits for its turn. */
export interface Waiter {
  /** Names of what it waits for: no call behind it that wants one of them goes first. */
  readonly lanes: readonly unknown[];
  /** Where it may wait no longer, on the line's clock. */
  readonly deadline: number;
  /** Takes what the call needs, or says which of its lanes is blocked, and until when. */
  attempt(): Promise<Blocked | undefined> | Blocked | undefined;
  /** It has got what it needs. */
  go(): void;
  /** Its time is up; `blocked` says what it was last waiting for. */
  late(blocked: Blocked): void;
}

/** Why a waiter cannot go yet. */
export interface Blocked {
  readonly lane: unknown;
  readonly refusal: Refusal;
}

/** A timer may be a little early, and would find nothing changed. */
const TIMER_SLACK_MS = 1;

/** Above this a timer would fire at once; it is set anew then. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Calls that wait, first come, first served among those that want the same. One timer serves all of them. */
export class WaitingLine {
  readonly #clock: Clock;
  /** With what each waits for, in the order in which they came. */
  readonly #waiters = new Map<Waiter, Blocked>();
  readonly #lanes = new Map<unknown, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;
  #serving = false;
  #again = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** How many wait for this lane to be free. */
  countAt(lane: unknown): number {
    return this.#lanes.get(lane) ?? 0;
  }

  /** Puts a waiter at the end. */
  join(waiter: Waiter, blocked: Blocked): void {
    const isFirst = this.countAt(blocked.lane) === 0;
    this.#waiters.set(waiter, blocked);
    this.#count(blocked.lane, 1);
    // What was set free before there was anybody to wait for it is looked for again; others are behind somebody.
    if (isFirst) this.wake();
    else this.#wakeBy(waiter.deadline);
  }

  /** Lets a waiter go without having got anything. */
  leave(waiter: Waiter): void {
    const blocked = this.#waiters.get(waiter);
    if (!blocked) return;
    this.#waiters.delete(waiter);
    this.#count(blocked.lane, -1);
  }

  /** Looks who can go: something may have been set free. */
  wake(): void {
    if (this.#waiters.size === 0) return;
    this.#again = true;
    if (!this.#serving) void this.#serveAll();
  }

  /** Tells everybody that their time is up. */
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
      // Something may have been set free since, or a listener of the application's may have thrown.
      this.#serving = false;
      if (this.#again) this.wake();
      else if (this.#waiters.size > 0) this.#wakeBy(wakeAt);
    }
  }

  /** @returns when to look again */
  async #serve(): Promise<number> {
    let wakeAt = Number.POSITIVE_INFINITY;
    const blocked = new Map<unknown, Blocked>();
    let rest = this.#waiters.keys();
    for (;;) {
      if (this.#again) {
        // From the front: what has been set free is the first one's.
        this.#again = false;
        wakeAt = Number.POSITIVE_INFINITY;
        blocked.clear();
        rest = this.#waiters.keys();
      }
      const { value: waiter, done } = rest.next();
      if (done || !waiter) break;
      wakeAt = Math.min(wakeAt, waiter.deadline);
      if (waiter.deadline <= this.#clock()) {
        this.#tooLate(waiter);
        continue;
      }
      const lane = waiter.lanes.find((lane) => blocked.has(lane));
      const why = blocked.get(lane) ?? (await this.#try(waiter));
      if (!why) continue;
      this.#waitsFor(waiter, why);
      if (lane !== undefined) continue;
      blocked.set(why.lane, why);
      wakeAt = Math.min(wakeAt, this.#clock() + (why.refusal.againMs ?? why.refusal.waitMs));
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
    // It may have left meanwhile.
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
    const delayMs = Math.ceil(instant - this.#clock()) + TIMER_SLACK_MS;
    this.#timer = setTimeout(() => this.wake(), Math.min(LONGEST_TIMER_MS, Math.max(1, delayMs)));
    this.#timer.unref();
    this.#timerAt = instant;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
