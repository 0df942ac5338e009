import type { CachePolicy } from './cache-policy.js';
import { type Freshness, initialAgeMs, responseDate, type TimedResponse } from './freshness.js';

/**
 * Whether `ttl` mode stores responses with this status: the configured ones, else every one below 400. What results
 * from a range or a condition of the request (206, 304, 412, 416) and 429 is never stored, configured or not.
 */
export function isTtlStatus(policy: CachePolicy, status: number): boolean {
  if (status < 200 || status === 206 || status === 304 || status === 412 || status === 416) return false;
  if (status === 429) return false;
  return policy.statuses === undefined ? status < 400 : policy.statuses.has(status);
}

/**
 * Freshness in `ttl` mode: `ttlMs` from the time a response arrived. The upstream's own freshness and its rules about
 * stale responses are ignored; clients still see its age.
 */
export function ttlFreshness(policy: CachePolicy, response: TimedResponse): Freshness {
  const dateMs = responseDate(response);
  const freshUntil = response.responseTime + policy.ttlMs;
  return {
    bornAt: response.responseTime - initialAgeMs(response, dateMs),
    dateMs,
    freshUntil,
    staleWhileRevalidateUntil: freshUntil + policy.staleWhileRevalidateMs,
    staleIfErrorUntil: freshUntil + policy.staleIfErrorMs,
    staleForbidden: false,
  };
}

/**
 * Whether responses to this method are looked up and stored: GET and HEAD in `standard` mode, the configured methods
 * in `ttl` mode, where HEAD goes with GET.
 */
export function isCachedMethod(policy: CachePolicy, method: string): boolean {
  if (policy.mode === 'standard') return method === 'GET' || method === 'HEAD';
  return policy.methods.has(method === 'HEAD' ? 'GET' : method);
}
