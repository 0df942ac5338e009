import { parseHttpDate } from '../../http/date.js';
import { parseDeltaSeconds } from './cache-control.js';
import { firstValue, type RawHeaders } from './headers.js';

const MAX_CLOSED_MS = 60 * 60 * 1000;
const MAX_GATES = 1000;

/**
 * Until when the upstream asked to be left alone, by 429 or 503 with `Retry-After`. One tenant's quota says nothing
 * about another's, so there is a gate for each set of credentials.
 */
export class RetryGate {
  readonly #closedUntil = new Map<string, number>();

  /** Learns from a 429 or 503. @param credentials a digest of those of the call */
  learn(credentials: string, rawHeaders: RawHeaders, now: number): void {
    const until = retryAt(rawHeaders, now);
    if (until === undefined) return;
    this.#closedUntil.delete(credentials);
    this.#closedUntil.set(credentials, Math.min(until, now + MAX_CLOSED_MS));
    if (this.#closedUntil.size <= MAX_GATES) return;
    for (const oldest of this.#closedUntil.keys()) {
      this.#closedUntil.delete(oldest);
      break;
    }
  }

  isClosed(credentials: () => string, now: number): boolean {
    if (this.#closedUntil.size === 0) return false;
    const key = credentials();
    const until = this.#closedUntil.get(key);
    if (until === undefined) return false;
    if (now < until) return true;
    this.#closedUntil.delete(key);
    return false;
  }
}

/** The time `Retry-After` names, in seconds or as a date (RFC 9110 §10.2.3). */
function retryAt(rawHeaders: RawHeaders, now: number): number | undefined {
  const value = firstValue(rawHeaders, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  const seconds = parseDeltaSeconds(value);
  return seconds === undefined ? parseHttpDate(value, now) : now + seconds * 1000;
}
