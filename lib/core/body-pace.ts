/** How long a client may pause where nothing limits its pauses. */
const GRACE_MS = 30_000;

/**
 * The time that a client has left for its body. It begins with its longest pause; waiting for the client uses it up, and
 * bytes earn it back at the least rate, never more than there was in the beginning: whoever began fast cannot be slow for
 * hours afterwards. (Apache's mod_reqtimeout counts like this, without the bound.)
 */
export class BodyPace {
  readonly #bytesPerMs: number;
  readonly #graceMs: number;
  #leftMs: number;
  #bytes = 0;
  /** Since when the client is waited for; `undefined` while it is not. */
  #waitsSince: number | undefined;

  /**
   * @param minBodyRate in bytes per second; with 0 any byte earns all of the time back
   * @param graceMs longest pause
   */
  constructor(minBodyRate: number, graceMs: number) {
    this.#bytesPerMs = minBodyRate / 1000;
    this.#graceMs = graceMs === Number.POSITIVE_INFINITY ? GRACE_MS : graceMs;
    this.#leftMs = this.#graceMs;
  }

  /**
   * Milliseconds that the client has left; none is too slow.
   * @param now by `performance.now()`
   * @param bytes all that it has sent
   * @param waits whether it is the client that is waited for: only what lies between two such looks uses time up
   */
  leftMs(now: number, bytes: number, waits: boolean): number {
    if (waits && this.#waitsSince !== undefined) this.#leftMs -= now - this.#waitsSince;
    this.#waitsSince = waits ? now : undefined;
    const sent = bytes - this.#bytes;
    this.#bytes = bytes;
    if (sent > 0) this.#leftMs = Math.min(this.#graceMs, this.#leftMs + sent / this.#bytesPerMs);
    return this.#leftMs;
  }

  /** The client is not waited for until the next look. */
  pause(): void {
    this.#waitsSince = undefined;
  }
}

/** A body that is waited for all the time. */
export interface PaceWatch {
  /** Some of it has arrived. */
  look(): void;
  end(): void;
}

/**
 * Watches a client that is waited for until the watch ends.
 * @param bytes all that it has sent
 * @param expired called once if it is too slow
 */
export function watchPace(pace: BodyPace, bytes: () => number, expired: () => void): PaceWatch {
  let watched = true;
  const leftMs = (): number => pace.leftMs(performance.now(), bytes(), true);
  const wait = (ms: number): NodeJS.Timeout => setTimeout(late, ms).unref();
  // After a process has stood still timers run first, and what arrived in time is still unread.
  const late = (): void => {
    setImmediate(() => {
      if (!watched) return;
      const left = leftMs();
      // What is left of a millisecond no timer waits for.
      if (left >= 1) {
        timer = wait(left);
        return;
      }
      watched = false;
      expired();
    });
  };
  let timer = wait(leftMs());
  return {
    look: () => void leftMs(),
    end: () => {
      watched = false;
      clearTimeout(timer);
    },
  };
}
