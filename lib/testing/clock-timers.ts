/** The functions for timers, as they are or as a clock has them. */
export type TimerFunctions = Pick<
  typeof globalThis,
  'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval'
>;

type Callback = (...args: unknown[]) => unknown;

/** The longest that Node takes: it runs a longer one at once. */
const LONGEST_MS = 2_147_483_647;

/** One timer: what `setTimeout()` returns while a clock is in use, with all that Node's has. */
class MovedTimer {
  readonly #owner: ClockTimers;
  readonly #run: () => unknown;
  readonly #ms: number;
  readonly #repeats: boolean;
  /** On the clock that the test moves. */
  at = 0;
  #real: NodeJS.Timeout | undefined;
  #isRef = true;

  constructor(owner: ClockTimers, run: () => unknown, ms: number, repeats: boolean) {
    this.#owner = owner;
    this.#run = run;
    this.#ms = ms >= 1 && ms <= LONGEST_MS ? Math.trunc(ms) : 1;
    this.#repeats = repeats;
    this.#begin();
  }

  ref(): this {
    this.#isRef = true;
    this.#real?.ref();
    return this;
  }

  unref(): this {
    this.#isRef = false;
    this.#real?.unref();
    return this;
  }

  hasRef(): boolean {
    return this.#isRef && this.#real !== undefined;
  }

  refresh(): this {
    this.#begin();
    return this;
  }

  close(): this {
    this.stop();
    return this;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  stop(): void {
    this.#owner.real.clearTimeout(this.#real);
    this.#real = undefined;
    this.#owner.ended(this);
  }

  /** Runs now, whether it is due or not. */
  fire(): void {
    if (this.#repeats) {
      this.at += this.#ms;
      this.follow();
    } else this.stop();
    this.#run();
  }

  /** Runs by itself when the rest of its time is over, of which there may be less than before. */
  follow(): void {
    const { real, now } = this.#owner;
    real.clearTimeout(this.#real);
    const leftMs = Math.min(LONGEST_MS, Math.max(1, this.at - now()));
    this.#real = real.setTimeout(() => this.fire(), leftMs);
    if (!this.#isRef) this.#real.unref();
  }

  #begin(): void {
    this.at = this.#owner.now() + this.#ms;
    this.#owner.began(this);
    this.follow();
  }
}

/** The timers of a process that have been started since a clock is in use. */
export class ClockTimers {
  readonly real: TimerFunctions;
  readonly now: () => number;
  readonly #global: TimerFunctions;
  readonly #starts: Pick<TimerFunctions, 'setTimeout' | 'setInterval'>;
  /** Those that run, in the order in which they were started. */
  readonly #running = new Set<MovedTimer>();

  constructor(global: TimerFunctions, now: () => number) {
    const { setTimeout, setInterval, clearTimeout, clearInterval } = global;
    this.#global = global;
    this.real = { setTimeout, setInterval, clearTimeout, clearInterval };
    this.now = now;
    const starts =
      (repeats: boolean) =>
      (callback: Callback, ms = 0, ...args: unknown[]): MovedTimer => {
        if (typeof callback !== 'function') throw new TypeError('The callback of a timer must be a function');
        return new MovedTimer(this, () => callback(...args), ms, repeats);
      };
    // What they return has all that a Timeout has.
    this.#starts = {
      setTimeout: Object.assign(starts(false), setTimeout),
      setInterval: starts(true),
    } as unknown as TimerFunctions;
  }

  install(): void {
    const { clearTimeout, clearInterval } = this.real;
    const clears = { clearTimeout: clearing(clearTimeout), clearInterval: clearing(clearInterval) };
    Object.assign(this.#global, this.#starts, clears);
  }

  /** Those that run go on. What clears them stays, since Node's own functions know nothing of them. */
  uninstall(): void {
    for (const name of ['setTimeout', 'setInterval'] as const)
      if (this.#global[name] === this.#starts[name]) Object.assign(this.#global, { [name]: this.real[name] });
  }

  /** When the next one is due. */
  nextAt(): number | undefined {
    return this.#next()?.at;
  }

  fireNext(): void {
    this.#next()?.fire();
  }

  /** The clock was moved: all have less time left. */
  moved(): void {
    for (const timer of this.#running) timer.follow();
  }

  /** For the timers themselves. */
  began(timer: MovedTimer): void {
    this.#running.delete(timer);
    this.#running.add(timer);
  }

  /** For the timers themselves. */
  ended(timer: MovedTimer): void {
    this.#running.delete(timer);
  }

  #next(): MovedTimer | undefined {
    let next: MovedTimer | undefined;
    for (const timer of this.#running) if (!next || timer.at < next.at) next = timer;
    return next;
  }
}

/** Clears timers of a clock, too. */
function clearing(clear: (timer?: NodeJS.Timeout) => void): unknown {
  if (CLEARS_MOVED in clear) return clear;
  const clearMoved = (timer?: NodeJS.Timeout | MovedTimer): void => {
    if (timer instanceof MovedTimer) timer.stop();
    else clear(timer);
  };
  return Object.assign(clearMoved, { [CLEARS_MOVED]: true });
}

const CLEARS_MOVED = Symbol('clears timers of a clock');
