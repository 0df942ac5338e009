import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import { parseDeltaSeconds } from './cache-control.js';
import type { RawHeaders } from './headers.js';

const MAX_PAUSE_MS = 60 * 60 * 1000;
const MAX_PAUSES = 1000;

/**
 * Until when the upstream wants no more requests, by 429 or 503 with `Retry-After`. One tenant's quota says nothing
 * about another's, so each set of credentials has its own pause.
 */
export class RetryPauses {
  readonly #pausedUntil = new Map<string, number>();

  /** Learns from a 429 or 503. @param credentials a digest of those of the call */
  learn(credentials: string, rawHeaders: RawHeaders, now: number): void {
    const until = retryAt(rawHeaders, now);
    if (until === undefined) return;
    this.#pausedUntil.delete(credentials);
    this.#pausedUntil.set(credentials, Math.min(until, now + MAX_PAUSE_MS));
    if (this.#pausedUntil.size <= MAX_PAUSES) return;
    for (const oldest of this.#pausedUntil.keys()) {
      this.#pausedUntil.delete(oldest);
      break;
    }
  }

  isPaused(credentials: () => string, now: number): boolean {
    if (this.#pausedUntil.size === 0) return false;
    const key = credentials();
    const until = this.#pausedUntil.get(key);
    if (until === undefined) return false;
    if (now < until) return true;
    this.#pausedUntil.delete(key);
    return false;
  }
}

/** The time in `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3). */
function retryAt(rawHeaders: RawHeaders, now: number): number | undefined {
  const value = headerValue(rawHeaders, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  const seconds = parseDeltaSeconds(value);
  return seconds === undefined ? parseHttpDate(value, now) : now + seconds * 1000;
}
