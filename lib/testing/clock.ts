import { ClockTimers } from './clock-timers.js';

/** Time of a test: it passes as always, and a test can let more of it pass at once. */
export interface TestClock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Lets so much time pass at once. Timers that are due fire in their order, each at its own time, and so do those that
   * they start. Resolves when the last one has fired, and what it has begun without waiting for a network is done.
   */
  advance(ms: number): Promise<void>;
  /**
   * Puts the clocks of the process back to the real time. Timers that still run go on; `clearTimeout()` and
   * `clearInterval()` stay as they are, since they alone can clear these.
   */
  restore(): void;
}

/**
 * Lets a test move the time of its process: `Date`, `performance.now()`, `setTimeout()` and `setInterval()`. It takes
 * timers over that are started later, so begin with it, before the proxy is made. Connections are real: Node's own
 * timers, such as those of sockets, keep to the real time. Do not use it together with the fake timers of a test runner.
 *
 * @throws Error if another one is in use
 */
export function testClock(): TestClock {
  const { Date: RealDate, performance } = globalThis;
  if (performance.now.name === 'movedNow') throw new Error('A testClock() is in use: restore() it first');
  const realNow = performance.now.bind(performance);
  const ownNow = Object.getOwnPropertyDescriptor(performance, 'now');
  const sinceEpoch = RealDate.now() - realNow();
  let ahead = 0;
  /** While it is moved, time stands still between two timers: one that starts another is late by nothing. */
  let stoppedAt: number | undefined;
  function movedNow(): number {
    return stoppedAt ?? realNow() + ahead;
  }
  const wall = (): number => Math.floor(movedNow() + sinceEpoch);
  const timers = new ClockTimers(globalThis, movedNow);

  const MovedDate = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length > 0 ? args : [wall()], newTarget),
    apply: () => new RealDate(wall()).toString(),
    get: (target, name, receiver) => (name === 'now' ? wall : Reflect.get(target, name, receiver)),
  });
  globalThis.Date = MovedDate;
  Object.defineProperty(performance, 'now', {
    value: movedNow,
    configurable: true,
    writable: true,
  });
  timers.install();
  let restored = false;

  return {
    now: () => (restored ? RealDate.now() : wall()),
    async advance(ms) {
      if (restored) throw new Error('The testClock() is restored');
      if (!Number.isFinite(ms) || ms < 0)
        throw new RangeError(`advance() takes milliseconds from 0; received ${ms}`);
      if (stoppedAt !== undefined) throw new Error('advance() is under way: await it first');
      const end = movedNow() + ms;
      try {
        stoppedAt = movedNow();
        await turn();
        for (let at = timers.nextAt(); at !== undefined && at <= end; at = timers.nextAt()) {
          stoppedAt = Math.max(stoppedAt, at);
          timers.fireNext();
          await turn();
        }
      } finally {
        ahead = end - realNow();
        stoppedAt = undefined;
        timers.moved();
      }
      await turn();
    },
    restore() {
      if (restored) return;
      restored = true;
      timers.uninstall();
      if (globalThis.Date === MovedDate) globalThis.Date = RealDate;
      if (ownNow) Object.defineProperty(performance, 'now', ownNow);
      else Reflect.deleteProperty(performance, 'now');
    },
  };
}

/** What a timer has begun goes on in the next turns. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
