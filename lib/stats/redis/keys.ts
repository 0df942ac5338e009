import { type Page, pageId } from '../periods.js';

/** The keys of one API. Their number does not depend on the number of requests. */
export interface StatsKeys {
  /** Which batches are merged into the pages, as JSON; it changes with each merge. */
  readonly state: string;
  /** List of the batches that are not merged into the pages yet. */
  readonly news: string;
  /** List of the recent errors, newest first. */
  readonly errors: string;
  /** Hash of a page: packed tallies by path. */
  page(page: Page): string;
}

/** All of them have one hash tag, so that a script can reach them together in a Redis Cluster too. */
export function statsKeys(prefix: string, api: string): StatsKeys {
  // A lone surrogate would throw; converted to bytes it becomes a replacement character.
  const hashTag = `{${prefix}stats:${encodeURIComponent(Buffer.from(api).toString())}}:`;
  return {
    state: `${hashTag}state`,
    news: `${hashTag}news`,
    errors: `${hashTag}errors`,
    page: (page) => `${hashTag}${pageId(page)}`,
  };
}

/** Set of the names of all APIs. */
export const apisKey = (prefix: string): string => `${prefix}stats:apis`;
