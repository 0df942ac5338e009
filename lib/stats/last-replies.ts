import type { WantedPage } from './redis/page.js';
import type { ReadRequest } from './stats-store.js';

/** An answer of Redis, and what was asked. */
export interface LastResponse {
  readonly response: unknown;
  readonly wanted: readonly WantedPage[];
}

const KEPT = 16;

/** What Redis last answered to each of a few questions: what is shown while it answers none. */
export class LastResponses {
  /** Least recently asked first. */
  readonly #responses = new Map<string, LastResponse>();

  /** The answer that was just given, which is kept; the last one where there was none. */
  latest(request: ReadRequest, given: LastResponse | undefined): LastResponse | undefined {
    const question = questionOf(request);
    if (question === undefined) return given;
    const latest = given ?? this.#responses.get(question);
    if (!latest) return undefined;
    this.#responses.delete(question);
    this.#responses.set(question, latest);
    const [oldest] = this.#responses.keys();
    if (this.#responses.size > KEPT && oldest !== undefined) this.#responses.delete(oldest);
    return latest;
  }
}

/** The same a minute later, though the pages are others by then; `undefined` for pages that are only added up once. */
function questionOf({ api, path, pages }: ReadRequest): string | undefined {
  if (!pages.some((page) => page.kind === 'all')) return undefined;
  const kinds = new Set(pages.map((page) => (page.kind === 'all' ? 'all' : page.kind + page.span)));
  return JSON.stringify([api, path, ...kinds]);
}
