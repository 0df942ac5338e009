import type { Events } from '../core/events.js';
import type { CircuitName } from './circuit-snapshot.js';
import type { TransitionReason } from './circuit-state.js';
import type { FailureCause } from './failure-causes.js';

/** Events that `breaker()` emits. */
export interface BreakerEvents {
  /**
   * The circuit has opened: calls are refused. `failureText` says what the failures were. Emitted again where it was open
   * in this process alone, and has opened for all.
   */
  open: [
    event: CircuitName & {
      reason: TransitionReason;
      failures: number;
      failureText: string;
      retryAfterMs: number;
      /** The process that has opened it for all, as `host:pid`; missing if it is open in this process alone. */
      by?: string | undefined;
    },
  ];
  /** The circuit is half open: a few calls go through as probes. */
  halfOpen: [event: CircuitName];
  /** The circuit has closed: calls go through again. */
  close: [
    event: CircuitName & {
      reason: TransitionReason;
      /** The process that has closed it for all; missing if it was open in this process alone. */
      by?: string | undefined;
    },
  ];
  /** A call was refused. */
  reject: [event: CircuitName & { retryAfterMs: number }];
  /** A failure was counted. */
  failure: [event: CircuitName & { because: string; cause: FailureCause }];
}

/** Emitter of {@link BreakerEvents}. */
export type BreakerEmitter = Events<BreakerEvents>;
