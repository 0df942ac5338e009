import type { WantedPage } from './redis/page.js';
import type { ReadRequest } from './stats-store.js';

/** A reply of Redis, and the pages that were requested. */
export interface LastReply {
  readonly reply: unknown;
  readonly wanted: readonly WantedPage[];
}

const KEPT = 16;

/** The last replies of Redis to a few queries: shown while Redis does not reply. */
export class LastReplies {
  /** Least recently used first. */
  readonly #replies = new Map<string, LastReply>();

  /** The reply just received, which is kept; the last one where there was none. */
  latest(request: ReadRequest, given: LastReply | undefined): LastReply | undefined {
    const question = questionOf(request);
    if (question === undefined) return given;
    const latest = given ?? this.#replies.get(question);
    if (!latest) return undefined;
    this.#replies.delete(question);
    this.#replies.set(question, latest);
    const [oldest] = this.#replies.keys();
    if (this.#replies.size > KEPT && oldest !== undefined) this.#replies.delete(oldest);
    return latest;
  }
}

/**
 * The same a minute later, though the pages have changed by then; `undefined` for pages that are read once and added
 * up.
 */
function questionOf({ api, path, pages }: ReadRequest): string | undefined {
  if (!pages.some((page) => page.kind === 'all')) return undefined;
  const kinds = new Set(pages.map((page) => (page.kind === 'all' ? 'all' : page.kind + page.span)));
  return JSON.stringify([api, path, ...kinds]);
}
