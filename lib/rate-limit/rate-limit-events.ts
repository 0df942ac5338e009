import type { Events } from '../core/events.js';

/**
 * Which advertised limit an event is about: `credential` is a digest, empty without one; `proxy` is the egress proxy,
 * `undefined` for a direct connection; `limit` is its name as the API gives it, or the path that it is for, and
 * missing for a limit of the whole API without a name.
 */
export interface LimitName {
  readonly api: string;
  readonly credential: string;
  readonly proxy: string | undefined;
  readonly limit?: string;
}

/** Events that `rateLimit()` emits. */
export interface RateLimitEvents {
  /** A call was refused, because of the configured quota, a limit that the API has advertised, or a full queue. */
  limited: [event: { api: string; because: 'quota' | 'advertised' | 'queue'; retryAfterMs: number }];
  /** A call waits; `queued` is the number of waiting calls, this one included. */
  queued: [event: { api: string; queued: number }];
  /** A limit that the target has advertised is used up. */
  limitExhausted: [event: LimitName & { retryAfterMs: number }];
  /** Requests may be sent again. */
  limitAvailable: [event: LimitName];
}

/** Emitter of {@link RateLimitEvents}. */
export type RateLimitEmitter = Events<RateLimitEvents>;
