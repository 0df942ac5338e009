import { realTime, type StopTimer, type Time } from '../../lib/core/time.js';

/** Time that passes only when it is told to. */
export interface ToyTime extends Time {
  /** Lets so much time pass: timers fire in turn, each at its own instant. */
  advance(ms: number): void;
  /** Lets time pass until the next timer has fired. @throws where none is running */
  advanceToNext(): void;
  /** Sets the time of day ahead, or back; the steady clock goes on. */
  setWall(byMs: number): void;
  /** Lengths of the timers that run, in the order in which they were started. */
  readonly running: readonly number[];
}

interface Timer {
  readonly ms: number;
  at: number;
  readonly repeats: boolean;
  callback(): void;
}

/** @param now where both clocks begin, in epoch milliseconds */
export function toyTime(now = 1_700_000_000_000): ToyTime {
  let at = now;
  const timers = new Set<Timer>();
  let set = 0;
  const clock = () => at;
  const start = (ms: number, repeats: boolean, callback: () => void): StopTimer => {
    const timer = { ms, at: at + ms, repeats, callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const next = (): Timer | undefined => [...timers].sort((a, b) => a.at - b.at)[0];
  const fire = (timer: Timer): void => {
    at = Math.max(at, timer.at);
    if (timer.repeats) timer.at += Math.max(1, timer.ms);
    else timers.delete(timer);
    timer.callback();
  };
  return {
    steady: clock,
    wall: () => at + set,
    after: (ms, callback) => start(ms, false, callback),
    every: (ms, callback) => start(ms, true, callback),
    advance(ms) {
      const end = at + ms;
      for (let timer = next(); timer && timer.at <= end; timer = next()) fire(timer);
      at = end;
    },
    setWall(byMs) {
      set += byMs;
    },
    advanceToNext() {
      const timer = next();
      if (!timer) throw new Error('No timer is running');
      fire(timer);
    },
    get running() {
      return [...timers].map(({ ms }) => ms);
    },
  };
}

/** Real time that passes so many times as fast: for what a test waits for, and does not count. */
export function fastTime(factor: number): Time {
  const begin = realTime.steady();
  const fast = () => begin + (realTime.steady() - begin) * factor;
  return {
    steady: fast,
    wall: fast,
    after: (ms, callback) => realTime.after(ms / factor, callback),
    every: (ms, callback) => realTime.every(ms / factor, callback),
  };
}
