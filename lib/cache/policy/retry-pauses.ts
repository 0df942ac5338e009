import type { ResponseHead } from '../../core/attempt.js';
import { requestedDelayMs } from '../../http/advertised-limits.js';

const MAX_PAUSE_MS = 60 * 60 * 1000;
const MAX_PAUSES = 1000;

/**
 * Until when the upstream wants no more requests, as it says in a 429 or 503. One tenant's quota says nothing about
 * another's, so each set of credentials has its own pause.
 */
export class RetryPauses {
  readonly #pausedUntil = new Map<string, number>();

  /** Learns from a 429 or 503. @param credentials a digest of those of the call */
  learn(credentials: string, head: Pick<ResponseHead, 'status' | 'rawHeaders'>, now: number): void {
    const waitMs = requestedDelayMs(head, now);
    if (waitMs === undefined) return;
    this.#pausedUntil.delete(credentials);
    this.#pausedUntil.set(credentials, now + Math.min(waitMs, MAX_PAUSE_MS));
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
