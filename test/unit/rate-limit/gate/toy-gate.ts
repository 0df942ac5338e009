import type { AdvertisedLimits } from '../../../../lib/rate-limit/gate/advertised-limits.js';
import {
  freeGate,
  type GateState,
  settleCall,
  takeCall,
  windowOf,
} from '../../../../lib/rate-limit/gate/gate-state.js';

const HOUR = 3_600_000;

/** A gate, and a clock that stands still until it is told to go on. */
export class Toy {
  now = 1_700_000_000_000;
  readonly state: GateState = freeGate(this.now);
  readonly maxPauseMs: number;

  constructor(maxPauseMs = HOUR) {
    this.maxPauseMs = maxPauseMs;
  }

  /** Lets as many through as want to. @returns their windows */
  take(wanted = 1): (number | undefined)[] {
    const windows: (number | undefined)[] = [];
    for (let i = 0; i < wanted; i++) {
      if (takeCall(this.state, this.now) === 0) windows.push(windowOf(this.state));
    }
    return windows;
  }

  settle(window: number | undefined, told?: Partial<AdvertisedLimits>): void {
    settleCall(this.state, window, told && { ...NOTHING, ...told }, this.now, this.maxPauseMs);
  }

  /** A call from its begin to its answer. */
  call(told?: Partial<AdvertisedLimits>): void {
    for (const window of this.take()) this.settle(window, told);
  }
}

export const NOTHING: AdvertisedLimits = {
  limited: false,
  refused: false,
  waitMs: undefined,
  remaining: undefined,
  limit: undefined,
  windowMs: undefined,
};
/** A 429. */
export const tooMany = (waitMs?: number): Partial<AdvertisedLimits> => ({
  limited: true,
  refused: true,
  waitMs,
});
