import { z } from 'zod';
import { type BreakerOptions, resolveBreaker } from '../breaker/breaker-options.js';
import type { CacheOptions } from '../cache/cache-options.js';
import { InvalidOptionError, invalidOption } from '../core/errors.js';
import { resolveOptions, sizeBytes } from '../core/options.js';
import { unknownName } from '../core/unknown-name.js';
import { type ExplainOptions, resolveExplain } from '../explain/explain-options.js';
import { type ProxyRotateOptions, resolveProxyRotate } from '../proxy-rotate/proxy-rotate-options.js';
import { type RateLimitOptions, resolveRateLimit } from '../rate-limit/rate-limit-options.js';
import { type RetryOptions, retrySchema } from '../retry/retry-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { resolveForward } from '../upstream/options/resolve-forward.js';
import type { BodyRules } from '../validate-body/validate-body.js';
import { checkBlock } from './blocks.js';
import type { ApiOptions } from './options.js';
import {
  API_OPTIONS,
  API_PLACES,
  apiBreakerSchema,
  apiCacheSchema,
  apiProxyRotateSchema,
  apiRateLimitSchema,
} from './places.js';

/** Options of the check of bodies. */
export const rulesSchema = z.object({
  requiresBody: z.boolean().default(false),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
});

/** The options of one API, sorted by the part that they are for. */
export interface SortedOptions {
  readonly rules: BodyRules;
  readonly explain: ExplainOptions | false;
  readonly cache: Omit<CacheOptions, 'name'> | false;
  readonly rateLimit: Omit<RateLimitOptions, 'name' | 'redis'> | false;
  readonly breaker: Omit<BreakerOptions, 'name' | 'registry'> | false;
  readonly retry: RetryOptions | false;
  readonly proxyRotate: Omit<ProxyRotateOptions, 'name'> | false;
  readonly forward: ForwardOptions;
  /** Whether the proxy listens for upgrades by itself. */
  readonly ws: boolean;
}

/**
 * Sorts the options of one API, and checks them where the place they stand at is known.
 * @param place as `apis.github`; empty for a single API
 * @throws InvalidOptionError
 */
export function sortOptions(place: string, options: ApiOptions): SortedOptions {
  const stray = Object.keys(options).find((key) => !API_OPTIONS.includes(key));
  if (stray !== undefined) {
    const rule = unknownName(stray, { owner: place, known: API_OPTIONS, places: API_PLACES });
    throw new InvalidOptionError(at(place, stray), `${at(place, stray)} ${rule}`);
  }
  const {
    requiresBody,
    validateJson,
    maxBodyBytes,
    explain = false,
    cache = false,
    rateLimit = false,
    breaker = {},
    retry = {},
    proxyRotate = false,
    ws = false,
    ...rest
  } = options;
  const rules = resolveOptions(rulesSchema, { requiresBody, validateJson, maxBodyBytes }, place);
  const forward = { changeOrigin: true, forwardCookies: false, requestTimeoutMs: 10_000, ...rest };
  resolveForward({ ...forward, ws }, place);
  checkBlock(apiCacheSchema, cache, at(place, 'cache'), API_PLACES);
  checkBlock(apiRateLimitSchema, rateLimit, at(place, 'rateLimit'), API_PLACES);
  if (rateLimit) resolveRateLimit(rateLimit, at(place, 'rateLimit'));
  checkBlock(retrySchema, retry, at(place, 'retry'), API_PLACES);
  checkBlock(apiProxyRotateSchema, proxyRotate, at(place, 'proxyRotate'), API_PLACES);
  if (proxyRotate) {
    resolveProxyRotate(proxyRotate, at(place, 'proxyRotate'));
    const { agent, target, forward: copy } = rest;
    if (copy) throw invalidOption(at(place, 'forward'), 'cannot go with proxyRotate: copies go direct', copy);
    if (agent)
      throw invalidOption(at(place, 'agent'), 'cannot go with proxyRotate, which has its own', agent);
    if (typeof target === 'object' && 'socketPath' in target)
      throw invalidOption(at(place, 'target.socketPath'), 'cannot go with proxyRotate', target.socketPath);
  }
  checkBlock(apiBreakerSchema, breaker, at(place, 'breaker'), API_PLACES);
  if (breaker) resolveBreaker(breaker, at(place, 'breaker'));
  return {
    explain: explained(explain, at(place, 'explain')),
    rules: { ...rules, validateJson: rules.validateJson ?? rules.requiresBody },
    cache,
    rateLimit,
    breaker,
    retry,
    proxyRotate,
    forward,
    ws,
  };
}

function explained(value: unknown, place: string): ExplainOptions | false {
  if (typeof value === 'boolean') return value && {};
  if (typeof value === 'object' && value !== null) return resolveExplain(value, place);
  throw invalidOption(place, 'must be true, false or an object of options', value);
}

const at = (place: string, key: string) => (place === '' ? key : `${place}.${key}`);
