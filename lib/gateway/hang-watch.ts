import type { CallResult } from '../core/ended-call.js';
import type { Exchange } from '../core/exchange.js';
import type { Logger } from './logger.js';

/** Calls are looked at in windows of this length. */
const WINDOW_MS = 10_000;
/** A warning for an API is repeated no sooner. */
const QUIET_MS = 60_000;
/** So many clients have to wait in vain in a window, and this share of all: now and then each client leaves. */
const FEWEST = 5;
const SHARE = 0.5;

interface Window {
  /** On the clock of `performance.now()`. */
  since: number;
  calls: number;
  gaveUp: number;
  waitedMs: number;
  quietUntil: number;
}

/** Warns of APIs that do not respond before their clients give up, which is no failure of any call. */
export class HangWatch {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: () => number;
  readonly #windows = new Map<string, Window>();

  /** @param clock for tests */
  constructor(logger: Pick<Logger, 'warn'>, clock: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** A call has ended. */
  ended({ api, attempts, startedAt }: Exchange, result: CallResult): void {
    // Those that were never sent say nothing of the API.
    if (attempts.length === 0) return;
    const now = this.#clock();
    const window = this.#windowOf(api, now);
    window.calls++;
    if (result !== 'aborted') return;
    window.gaveUp++;
    window.waitedMs += now - startedAt;
    if (window.gaveUp < FEWEST || window.gaveUp < SHARE * window.calls || now < window.quietUntil) return;
    window.quietUntil = now + QUIET_MS;
    const { calls, gaveUp } = window;
    const waitedMs = Math.round(window.waitedMs / gaveUp);
    this.#logger.warn(
      { api: api || undefined, calls, gaveUp, waitedMs },
      `${JSON.stringify(api)} does not respond in time: ${gaveUp} of ${calls} clients left before its response, after ${waitedMs} ms on average`,
    );
  }

  #windowOf(api: string, now: number): Window {
    let window = this.#windows.get(api);
    if (!window) {
      window = { since: now, calls: 0, gaveUp: 0, waitedMs: 0, quietUntil: Number.NEGATIVE_INFINITY };
      this.#windows.set(api, window);
    }
    if (now - window.since >= WINDOW_MS)
      Object.assign(window, { since: now, calls: 0, gaveUp: 0, waitedMs: 0 });
    return window;
  }
}
