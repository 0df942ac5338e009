/** How long something rests that has failed, and when it does. */
export interface CooldownTimes {
  /** First rest; each one that follows a failed trial is twice as long. */
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  /** Failures in a row that begin a rest. */
  readonly maxFailures: number;
  /** A trial that has told nothing by then makes room for another. */
  readonly probeTimeoutMs: number;
}

/** `due` is a rest that is over: the next call is the trial. */
export type CooldownState = 'ok' | 'cooling-down' | 'due' | 'probing';

/** What went wrong, and with what. */
export interface Mishap {
  readonly reason: string;
  /** When the use began that failed: what began before the last rest is old news. */
  readonly beganAt: number;
  /** How long it must rest, where that was told; it begins at once then. */
  readonly cooldownMs?: number;
  /** Rests at the first failure, whatever `maxFailures` says. */
  readonly atOnce?: boolean;
}

/** Whether an exit, or an exit for one target, may be used: after a rest one trial at a time finds out. */
export class Cooldown {
  /** Failures in a row. */
  failures = 0;
  /** Why it rests, or rested last until it is back. */
  reason: string | undefined = undefined;
  readonly #times: CooldownTimes;
  #phase: 'ok' | 'cooling-down' | 'probing';
  /** End of the rest, or when the trial is given up. */
  #until = 0;
  #changedAt = 0;
  #cooledDownAt = 0;
  #cooldowns = 0;

  /** @param proven `false` begins with a trial */
  constructor(times: CooldownTimes, proven: boolean) {
    this.#times = times;
    this.#phase = proven ? 'ok' : 'cooling-down';
  }

  /** In use, and nothing went wrong lately: the one question on the path of every call. */
  get spotless(): boolean {
    return this.#phase === 'ok' && this.failures === 0;
  }

  /** End of the rest that is under way or was last. */
  get until(): number {
    return this.#until;
  }

  state(now: number): CooldownState {
    if (this.#phase === 'ok') return 'ok';
    if (now >= this.#until) return 'due';
    return this.#phase;
  }

  /** Begins a trial where one is due. */
  begin(now: number): boolean {
    if (this.state(now) !== 'due') return false;
    this.#become('probing', now, now + this.#times.probeTimeoutMs);
    return true;
  }

  /** The trial that began then came to nothing: the next call is one. */
  release(begunAt: number, now: number): void {
    if (this.#phase === 'probing' && this.#changedAt === begunAt) this.#become('cooling-down', now, now);
  }

  /** @returns whether it is back from a rest or a first trial */
  succeeded(beganAt: number, now: number): boolean {
    if (this.#phase === 'ok') {
      this.failures = 0;
      return false;
    }
    if (this.#phase === 'cooling-down' || beganAt < this.#changedAt) return false;
    this.#become('ok', now, 0);
    this.failures = 0;
    this.#cooldowns = 0;
    return true;
  }

  /** @returns how long it rests, where it begins to */
  failed({ reason, beganAt, cooldownMs, atOnce = false }: Mishap, now: number): number | undefined {
    // Many calls meet the same failure: the first of them begins the rest, the others are old news.
    const since = this.#phase === 'probing' ? this.#changedAt : this.#cooledDownAt;
    if (beganAt < since || this.state(now) === 'cooling-down') return undefined;
    this.failures++;
    this.reason = reason;
    if (cooldownMs === undefined && !atOnce && this.failures < this.#times.maxFailures) {
      if (this.#phase === 'probing') this.#become('cooling-down', now, now);
      return undefined;
    }
    const forMs = Math.min(
      this.#times.maxCooldownMs,
      cooldownMs ?? this.#times.cooldownMs * 2 ** this.#cooldowns,
    );
    this.#cooldowns = Math.min(this.#cooldowns + 1, 31);
    this.#become('cooling-down', now, now + forMs);
    this.#cooledDownAt = now;
    return forMs;
  }

  #become(phase: 'ok' | 'cooling-down' | 'probing', now: number, until: number): void {
    this.#phase = phase;
    this.#until = until;
    this.#changedAt = now;
  }
}
