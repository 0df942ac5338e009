import { ERROR_CODES } from '../core/errors.js';
import type { CacheVerdict } from '../core/exchange.js';
import { ABORTED, CODE_LABELS } from './code-label.js';

/**
 * What has a series from the start, at 0. `increase()` cannot see the first event of a series that begins with it, so
 * what an alert may be about is there before: the usual methods and statuses, and every error. The other statuses and
 * methods begin when they are first seen, so that an API has about two hundred series and not a thousand.
 */
export const FIRST_METHODS = ['GET', 'POST'] as const;

const FIRST_CODES = ['200', '400', '401', '403', '404', '429', '500', '502', '503', '504', ABORTED];

/** By the places of `CODE_LABELS`. */
export const IS_FIRST_CODE: readonly boolean[] = CODE_LABELS.map((code) => FIRST_CODES.includes(code));

/** Errors that a call of a configured API can get. */
export const FIRST_ERRORS = ERROR_CODES.filter((code) => code !== 'ERR_UNKNOWN_API');

/** Times of calls without a cache, by the class of their status: each is a series for every bucket. */
export const FIRST_CLASSES = ['2xx', '5xx'] as const;

/** Every cache verdict. */
export const FIRST_VERDICTS = [
  'hit',
  'miss',
  'stale',
  'revalidated',
  'bypass',
  'coalesced',
] as const satisfies readonly CacheVerdict[];

/** Attempts without a response. */
export const FIRST_OUTCOMES = [
  'ERR_UPSTREAM_CONNECT',
  'ERR_UPSTREAM_TLS',
  'ERR_UPSTREAM_RESET',
  'ERR_UPSTREAM_PROTOCOL',
  'ERR_UPSTREAM_TIMEOUT',
  'ERR_PROXY_CONNECT',
  'abandoned',
] as const;
