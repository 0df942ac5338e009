import type { EventEmitter } from 'node:events';
import type { TransitionReason } from './circuit-state.js';

/** What `breaker()` tells while it works; `target` names the circuit as its snapshot does. */
export interface BreakerEvents {
  /** Calls are refused from now on. */
  open: [event: { target: string; reason: TransitionReason; failures: number; retryAfterMs: number }];
  /** Trials go through from now on. */
  halfOpen: [event: { target: string }];
  /** Calls go through again. */
  close: [event: { target: string; reason: TransitionReason }];
  /** A call was refused. */
  reject: [event: { target: string; retryAfterMs: number }];
  /** A failure was counted. */
  failure: [event: { target: string; because: string }];
}

/** Where circuits announce {@link BreakerEvents}. */
export type BreakerEmitter = EventEmitter<BreakerEvents>;
