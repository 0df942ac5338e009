/** When a cool-down begins, and how long it lasts. */
export interface CooldownTimes {
  /** First cool-down; each one that follows a failed probe is twice as long. */
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  /** Failures in a row that begin a cool-down. */
  readonly maxFailures: number;
  /** A probe without a result after this time makes room for another. */
  readonly probeTimeoutMs: number;
}

/** `due`: the cool-down is over, and the next attempt is the probe. */
export type CooldownState = 'ok' | 'cooling-down' | 'due' | 'probing';

/** A failure, and what it calls for. */
export interface Mishap {
  readonly reason: string;
  /** When the attempt began that failed. One that began before the last cool-down says nothing new. */
  readonly beganAt: number;
  /** How long to cool down, if the target has said so; the cool-down then begins at once. */
  readonly cooldownMs?: number | undefined;
  /** Cools down at the first failure, whatever `maxFailures` says. */
  readonly atOnce?: boolean;
}

/**
 * Whether an egress proxy may be used, for all targets or for one. After a cool-down, one probe at a time finds out
 * whether it works again.
 */
export class Cooldown {
  /** Failures in a row. */
  failures = 0;
  /** Why it is cooling down; kept until a probe has succeeded. */
  reason: string | undefined = undefined;
  readonly #times: CooldownTimes;
  readonly #proven: boolean;
  #phase: 'ok' | 'cooling-down' | 'probing';
  /** End of the cool-down, or when the probe times out. */
  #until = 0;
  #changedAt = 0;
  #cooledDownAt = 0;
  #cooldowns = 0;

  /** @param proven `false`: the first attempt is a probe */
  constructor(times: CooldownTimes, proven: boolean) {
    this.#times = times;
    this.#proven = proven;
    this.#phase = proven ? 'ok' : 'cooling-down';
  }

  /** In use, without failures. The only check that every call pays for. */
  get spotless(): boolean {
    return this.#phase === 'ok' && this.failures === 0;
  }

  /** End of the current cool-down, or of the last one. */
  get until(): number {
    return this.#until;
  }

  /** Takes over what is known of the same proxy under other options. A probe that is under way there is made again. */
  resume(known: Cooldown): void {
    this.failures = known.failures;
    this.reason = known.reason;
    this.#phase = known.#phase === 'probing' ? 'cooling-down' : known.#phase;
    this.#until = known.#phase === 'probing' ? 0 : known.#until;
    this.#changedAt = known.#changedAt;
    this.#cooledDownAt = known.#cooledDownAt;
    this.#cooldowns = known.#cooldowns;
  }

  /** Forgets what is known. */
  reset(): void {
    this.resume(new Cooldown(this.#times, this.#proven));
  }

  /** Cools down for so long, whatever is known; a probe follows. */
  force(reason: string, forMs: number, now: number): void {
    this.reason = reason;
    this.#become('cooling-down', now, now + forMs);
    this.#cooledDownAt = now;
  }

  state(now: number): CooldownState {
    if (this.#phase === 'ok') return 'ok';
    if (now >= this.#until) return 'due';
    return this.#phase;
  }

  /** Begins a probe if one is due. @returns whether it did */
  begin(now: number): boolean {
    if (this.state(now) !== 'due') return false;
    this.#become('probing', now, now + this.#times.probeTimeoutMs);
    return true;
  }

  /** The probe that began then had no result: the next attempt is a probe again. */
  release(begunAt: number, now: number): void {
    if (this.#phase === 'probing' && this.#changedAt === begunAt) this.#become('cooling-down', now, now);
  }

  /** @returns whether a probe has succeeded, and it is in use again */
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

  /** @returns the length of the cool-down, if one begins */
  failed({ reason, beganAt, cooldownMs, atOnce = false }: Mishap, now: number): number | undefined {
    // Many calls meet the same failure: the first begins the cool-down, the others say nothing new.
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
