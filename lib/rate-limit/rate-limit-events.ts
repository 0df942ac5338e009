import type { EventEmitter } from 'node:events';

/** Which gate an event is about: `key` is a digest of the credential, `exit` is `undefined` for the direct way. */
export interface GateName {
  readonly api: string;
  readonly key: string;
  readonly exit: string | undefined;
}

/** What `rateLimit()` tells while it works. */
export interface RateLimitEvents {
  /** A call was refused; `because` of the quota that is configured, of what was learned, or of too many that wait. */
  limited: [event: { api: string; because: 'quota' | 'gate' | 'queue'; retryAfterMs: number }];
  /** A call waits; `queued` counts those that do, with it. */
  queued: [event: { api: string; queued: number }];
  /** The target wants no call for a while. */
  gateClosed: [event: GateName & { retryAfterMs: number }];
  /** The first call goes again. */
  gateOpened: [event: GateName];
}

/** Where a limiter announces {@link RateLimitEvents}. */
export type RateLimitEmitter = EventEmitter<RateLimitEvents>;
