import type { LimitNews } from '../../../../lib/http/advertised-limits.js';
import {
  freeGate,
  type GateState,
  settleCall,
  takeCall,
  windowOf,
} from '../../../../lib/rate-limit/gate/gate-state.js';

const HOUR = 3_600_000;

/** A gate, and a clock that moves only when it is told to. */
export class Toy {
  now = 1_700_000_000_000;
  readonly state: GateState = freeGate(this.now);
  readonly maxPauseMs: number;

  constructor(maxPauseMs = HOUR) {
    this.maxPauseMs = maxPauseMs;
  }

  /** Lets as many calls through as possible. @returns their windows */
  take(wanted = 1): (number | undefined)[] {
    const windows: (number | undefined)[] = [];
    for (let i = 0; i < wanted; i++) {
      if (takeCall(this.state, this.now) === 0) windows.push(windowOf(this.state));
    }
    return windows;
  }

  settle(window: number | undefined, advertised?: Partial<LimitNews>): void {
    settleCall(
      this.state,
      { window },
      advertised && { ...NOTHING, ...advertised },
      this.now,
      this.maxPauseMs,
    );
  }

  /** A call from its begin to its response. */
  call(advertised?: Partial<LimitNews>): void {
    for (const window of this.take()) this.settle(window, advertised);
  }
}

export const NOTHING: LimitNews = {
  limited: false,
  refused: false,
  waitMs: undefined,
  remaining: undefined,
  limit: undefined,
  windowMs: undefined,
};
/** A 429. */
export const tooMany = (waitMs?: number): Partial<LimitNews> => ({
  limited: true,
  refused: true,
  waitMs,
});
