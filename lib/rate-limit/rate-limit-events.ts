import type { Events } from '../core/events.js';

/**
 * Which advertised limit an event is about: `credential` is a digest, empty without one; `proxy` is the egress proxy,
 * `undefined` for a direct connection.
 */
export interface LimitName {
  readonly api: string;
  readonly credential: string;
  readonly proxy: string | undefined;
}

/** What `rateLimit()` tells while it works. */
export interface RateLimitEvents {
  /** A call was refused; `because` of the configured quota, of a limit that the API advertised, or of a full queue. */
  limited: [event: { api: string; because: 'quota' | 'advertised' | 'queue'; retryAfterMs: number }];
  /** A call waits; `queued` counts those that do, with it. */
  queued: [event: { api: string; queued: number }];
  /** A limit that the target advertised is used up. */
  limitExhausted: [event: LimitName & { retryAfterMs: number }];
  /** Requests are sent again. */
  limitAvailable: [event: LimitName];
}

/** Where a limiter announces {@link RateLimitEvents}. */
export type RateLimitEmitter = Events<RateLimitEvents>;
