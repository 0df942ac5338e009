import type { ResponseHead } from '../../core/attempt.js';
import { requestedDelayMs } from '../../http/advertised-limits.js';

const MAX_PAUSE_MS = 60 * 60 * 1000;
const MAX_PAUSES = 10_000;

/**
 * Until when the upstream wants no more requests for a key, as it says in a 429 or 503. What one resource or one tenant
 * has used up says nothing about another, and a success says that it is over.
 */
export class RetryPauses {
  readonly #pausedUntil = new Map<string, number>();

  /** Learns from the head of a response. */
  learn(key: string, head: Pick<ResponseHead, 'status' | 'rawHeaders'>, now: number): void {
    const { status } = head;
    if (status !== 429 && status !== 503) {
      if (status < 400) this.#pausedUntil.delete(key);
      return;
    }
    const waitMs = requestedDelayMs(head, now);
    if (waitMs === undefined) return;
    this.#pausedUntil.delete(key);
    this.#pausedUntil.set(key, now + Math.min(waitMs, MAX_PAUSE_MS));
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
