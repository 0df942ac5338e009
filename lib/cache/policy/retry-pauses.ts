import type { ResponseHead } from '../../core/attempt.js';
import { requestedDelayMs } from '../../http/advertised-limits.js';

const MAX_PAUSE_MS = 60 * 60 * 1000;
const MAX_PAUSES = 10_000;

interface Pause {
  readonly learnedAt: number;
  readonly until: number;
}

/**
 * Until when the upstream wants no more requests for a key, as it says in a 429 or 503. What one resource or one tenant
 * has used up says nothing about another, and a success says that it is over.
 */
export class RetryPauses {
  readonly #pauses = new Map<string, Pause>();

  /** Learns from the head of a response. */
  learn(key: string, head: Pick<ResponseHead, 'status' | 'rawHeaders'>, now: number): void {
    const { status } = head;
    if (status !== 429 && status !== 503) {
      if (status < 400) this.#pauses.delete(key);
      return;
    }
    const waitMs = requestedDelayMs(head, now);
    if (waitMs === undefined) return;
    this.#pauses.delete(key);
    this.#pauses.set(key, { learnedAt: now, until: now + Math.min(waitMs, MAX_PAUSE_MS) });
    if (this.#pauses.size <= MAX_PAUSES) return;
    for (const oldest of this.#pauses.keys()) {
      this.#pauses.delete(oldest);
      break;
    }
  }

  /** Forgets all of them. */
  reset(): void {
    this.#pauses.clear();
  }

  /** @param respondedAt when the stored response arrived, or was last validated: by another process, perhaps */
  isPaused(key: string, now: number, respondedAt: number): boolean {
    const pause = this.#pauses.get(key);
    if (pause === undefined) return false;
    if (now < pause.until && respondedAt <= pause.learnedAt) return true;
    this.#pauses.delete(key);
    return false;
  }
}
