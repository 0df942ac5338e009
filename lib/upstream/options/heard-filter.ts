import type { Options } from 'http-proxy-middleware';

type Filter = Options['pathFilter'];

/**
 * A filter that is a function, heard of when it fails: http-proxy-middleware takes one that throws for one that
 * says no, and a call that should be protected by it would go on to the next handler.
 */
export interface HeardFilter {
  readonly pathFilter: Filter;
  /** What it has thrown, once; to be asked as soon as a call was passed on. */
  failure(): unknown;
}

/** Any filter, heard of when it fails. */
export function heardFilter(pathFilter: Filter): HeardFilter {
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
