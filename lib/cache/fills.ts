import type { ClientRequest } from './fetch-plan.js';
import { CLIENT_CONDITIONS } from './policy/conditional.js';
import { isConditional } from './policy/conditional-request.js';
import { withoutHeaders } from './policy/headers.js';

const MAX_KEYS = 10_000;
const REFUSED_MS = 5 * 60_000;
const FAILED_MS = 5_000;

/**
 * The keys for which a HEAD, a conditional request or one for a range is not worth a plain GET: it was tried, and the
 * response could not be stored.
 */
export class Fills {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Forgets all of them. */
  reset(): void {
    this.#until.clear();
  }

  isWorthwhile(key: string): boolean {
    const until = this.#until.get(key);
    return until === undefined || this.#now() >= until;
  }

  /** @param failed it was no response but a failure, which is soon over */
  refused(key: string, failed: boolean): void {
    this.#until.delete(key);
    this.#until.set(key, this.#now() + (failed ? FAILED_MS : REFUSED_MS));
    if (this.#until.size <= MAX_KEYS) return;
    for (const oldest of this.#until.keys()) {
      this.#until.delete(oldest);
      break;
    }
  }
}

/** Whether a response from the store would serve a request, but the response to the request itself fills no store. */
export function fillsNothing({ method, rawHeaders }: ClientRequest): boolean {
  return method === 'HEAD' || (method === 'GET' && isConditional(rawHeaders));
}

/** The request whose response serves this one, and all others. */
export function plainRequest(request: ClientRequest): ClientRequest {
  return { ...request, method: 'GET', rawHeaders: withoutHeaders(request.rawHeaders, CLIENT_CONDITIONS) };
}
