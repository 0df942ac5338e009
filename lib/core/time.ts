import { type Clock, steadyClock } from './steady-clock.js';

/** Stops a timer. */
export type StopTimer = () => void;

/** Time as a part sees it: clocks to read, and timers that keep no process alive. */
export interface Time {
  /** Never goes back. */
  readonly steady: Clock;
  /** The time of day, which may be corrected: for instants that others send. */
  readonly wall: () => number;
  /** Calls back once, after so many milliseconds. */
  after(ms: number, callback: () => void): StopTimer;
  /** Calls back again and again. */
  every(ms: number, callback: () => void): StopTimer;
}

/** The time of this machine. */
export const realTime: Time = Object.freeze({
  steady: steadyClock,
  wall: () => Date.now(),
  after(ms: number, callback: () => void) {
    const timer = setTimeout(callback, ms).unref();
    return () => clearTimeout(timer);
  },
  every(ms: number, callback: () => void) {
    const timer = setInterval(callback, ms).unref();
    return () => clearInterval(timer);
  },
});
