import type { Events } from '../core/events.js';

/** Which limit an event is about. */
export interface ConcurrencyName {
  readonly api: string;
  /**
   * The key, the digest of the credential or the egress proxy (`direct` for none) that has the limit; empty for the
   * whole API.
   */
  readonly of: string;
}

/** Events that `concurrency()` emits. */
export interface ConcurrencyEvents {
  /** A call was refused, because the queue was full or it had waited for too long. */
  refused: [event: ConcurrencyName & { because: 'queue' | 'wait'; limit: number; inFlight: number }];
  /** A call waits; `waiting` is the number of waiting calls, this one included. */
  queued: [event: ConcurrencyName & { waiting: number }];
  /** An adaptive limit has changed. */
  limitChanged: [event: ConcurrencyName & { limit: number; before: number }];
}

/** Emitter of {@link ConcurrencyEvents}. */
export type ConcurrencyEmitter = Events<ConcurrencyEvents>;
