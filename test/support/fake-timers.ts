import { onCleanup } from './cleanup.js';

/** The timeouts that wait, by their handles, in the order they were set. */
export interface FakeTimers {
  readonly waiting: ReadonlyMap<object, { readonly ms: number; readonly run: () => void }>;
  /** Lets the first of those that wait run out; `false` where none does. */
  runNext(): boolean;
}

/**
 * Puts timeouts in the place of the process' own, which run out when they are told to, until the test has ended.
 * @param setBy where in the stack they are set: what an earlier test has left sets its own meanwhile
 */
export function fakeTimers(setBy = /./): FakeTimers {
  const waiting = new Map<object, { ms: number; run: () => void }>();
  const { setTimeout, clearTimeout } = globalThis;
  const set = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): object => {
    if (!setBy.test(new Error().stack ?? '')) return setTimeout(callback, ms, ...args);
    const timer = { ms, run: () => callback(...args) };
    const refresh = (): object => {
      waiting.delete(handle);
      waiting.set(handle, timer);
      return handle;
    };
    const handle = { ref: () => handle, unref: () => handle, hasRef: () => true, refresh };
    waiting.set(handle, timer);
    return handle;
  };
  const clear = (handle: object | undefined): void => {
    if (handle && !waiting.delete(handle)) clearTimeout(handle as NodeJS.Timeout);
  };
  // Their handles have what is used of a Timeout.
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  onCleanup(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  return {
    waiting,
    runNext() {
      const [first] = waiting;
      if (!first) return false;
      waiting.delete(first[0]);
      first[1].run();
      return true;
    },
  };
}

/**
 * Stops the clock of `performance.now()`, until the test has ended.
 * @returns moves it on
 */
export function stopClock(): (ms: number) => void {
  const { now } = performance;
  let stopped = performance.now();
  performance.now = () => stopped;
  onCleanup(() => {
    performance.now = now;
  });
  return (ms) => {
    stopped += ms;
  };
}
