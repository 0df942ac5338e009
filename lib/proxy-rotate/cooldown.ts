/** How long something rests that has failed, and when it does. */
export interface RestTimes {
  /** First rest; each one that follows a failed trial is twice as long. */
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  /** Failures in a row that begin a rest. */
  readonly maxFailures: number;
  /** A trial that has told nothing by then makes room for another. */
  readonly trialTimeoutMs: number;
}

/** `due` is a rest that is over: the next call is the trial. */
export type RestState = 'ok' | 'resting' | 'due' | 'trial';

/** What went wrong, and with what. */
export interface Mishap {
  readonly reason: string;
  /** When the use began that failed: what began before the last rest is old news. */
  readonly beganAt: number;
  /** How long it must rest, where that was told; it begins at once then. */
  readonly restMs?: number;
  /** Rests at the first failure, whatever `maxFailures` says. */
  readonly atOnce?: boolean;
}

/** Whether an exit, or an exit for one target, may be used: after a rest one trial at a time finds out. */
export class Rest {
  /** Failures in a row. */
  failures = 0;
  /** Why it rests, or rested last until it is back. */
  reason: string | undefined = undefined;
  readonly #times: RestTimes;
  #phase: 'ok' | 'resting' | 'trial';
  /** End of the rest, or when the trial is given up. */
  #until = 0;
  #changedAt = 0;
  #restedAt = 0;
  #rests = 0;

  /** @param proven `false` begins with a trial */
  constructor(times: RestTimes, proven: boolean) {
    this.#times = times;
    this.#phase = proven ? 'ok' : 'resting';
  }

  /** In use, and nothing went wrong lately: the one question on the path of every call. */
  get spotless(): boolean {
    return this.#phase === 'ok' && this.failures === 0;
  }

  /** End of the rest that is under way or was last. */
  get until(): number {
    return this.#until;
  }

  state(now: number): RestState {
    if (this.#phase === 'ok') return 'ok';
    if (now >= this.#until) return 'due';
    return this.#phase;
  }

  /** Begins a trial where one is due. */
  begin(now: number): boolean {
    if (this.state(now) !== 'due') return false;
    this.#become('trial', now, now + this.#times.trialTimeoutMs);
    return true;
  }

  /** The trial that began then came to nothing: the next call is one. */
  release(begunAt: number, now: number): void {
    if (this.#phase === 'trial' && this.#changedAt === begunAt) this.#become('resting', now, now);
  }

  /** @returns whether it is back from a rest or a first trial */
  succeeded(beganAt: number, now: number): boolean {
    if (this.#phase === 'ok') {
      this.failures = 0;
      return false;
    }
    if (this.#phase === 'resting' || beganAt < this.#changedAt) return false;
    this.#become('ok', now, 0);
    this.failures = 0;
    this.#rests = 0;
    return true;
  }

  /** @returns how long it rests, where it begins to */
  failed({ reason, beganAt, restMs, atOnce = false }: Mishap, now: number): number | undefined {
    // Many calls meet the same failure: the first of them begins the rest, the others are old news.
    const since = this.#phase === 'trial' ? this.#changedAt : this.#restedAt;
    if (beganAt < since || this.state(now) === 'resting') return undefined;
    this.failures++;
    this.reason = reason;
    if (restMs === undefined && !atOnce && this.failures < this.#times.maxFailures) {
      if (this.#phase === 'trial') this.#become('resting', now, now);
      return undefined;
    }
    const { cooldownMs, maxCooldownMs } = this.#times;
    const forMs = Math.min(maxCooldownMs, restMs ?? cooldownMs * 2 ** this.#rests);
    this.#rests = Math.min(this.#rests + 1, 31);
    this.#become('resting', now, now + forMs);
    this.#restedAt = now;
    return forMs;
  }

  #become(phase: 'ok' | 'resting' | 'trial', now: number, until: number): void {
    this.#phase = phase;
    this.#until = until;
    this.#changedAt = now;
  }
}
