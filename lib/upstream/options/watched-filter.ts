import type { ForwardOptions } from './forward-options.js';

type Filter = ForwardOptions['pathFilter'];

/**
 * A path filter whose errors are kept. http-proxy-middleware treats a filter that throws as one that returns `false`,
 * and a call that should be protected would go on to the next handler.
 */
export interface WatchedFilter {
  readonly pathFilter: Filter;
  /** What it threw, once; to be read as soon as a call was passed on. */
  failure(): unknown;
}

/** Wraps a filter of any kind. */
export function watchedFilter(pathFilter: Filter): WatchedFilter {
  if (typeof pathFilter !== 'function') return { pathFilter, failure: () => undefined };
  let failure: unknown;
  return {
    pathFilter: (path, req) => {
      try {
        return pathFilter(path, req);
      } catch (error) {
        failure = error ?? new Error('The path filter failed');
        return false;
      }
    },
    failure: () => {
      const thrown = failure;
      failure = undefined;
      return thrown;
    },
  };
}
