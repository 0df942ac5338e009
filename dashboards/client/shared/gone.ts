import type { Problem } from './contract.js';
import { setAttribute } from './element.js';

/** Dims what a page shows while its server is gone: it is old, and nobody knows how much of it still holds. */
export function showGone(problem: Problem | undefined): boolean {
  const gone = problem?.code === 'ERR_UNREACHABLE';
  setAttribute(document.body, 'data-gone', gone);
  return gone;
}
