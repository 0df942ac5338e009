import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import { parseDeltaSeconds } from './cache-control.js';
import type { RawHeaders } from './headers.js';

const MAX_PAUSE_MS = 60 * 60 * 1000;
const MAX_PAUSES = 10_000;

/**
 * Until when the upstream wants no more requests for a key, by 429 or 503 with `Retry-After`. What one resource or one
 * tenant has used up says nothing about another, and a success says that it is over.
 */
export class RetryPauses {
  readonly #pausedUntil = new Map<string, number>();

  /** Learns from the head of a response. */
  learn(key: string, status: number, rawHeaders: RawHeaders, now: number): void {
    if (status !== 429 && status !== 503) {
      if (status < 400) this.#pausedUntil.delete(key);
      return;
    }
    const until = retryAt(rawHeaders, now);
    if (until === undefined) return;
    this.#pausedUntil.delete(key);
    this.#pausedUntil.set(key, Math.min(until, now + MAX_PAUSE_MS));
    if (this.#pausedUntil.size <= MAX_PAUSES) return;
    for (const oldest of this.#pausedUntil.keys()) {
      this.#pausedUntil.delete(oldest);
      break;
    }
  }

  isPaused(key: string, now: number): boolean {
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
