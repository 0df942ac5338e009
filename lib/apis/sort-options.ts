import { z } from 'zod';
import { type BreakerOptions, breakerSchema } from '../breaker/breaker-options.js';
import { type CacheOptions, cacheSchema } from '../cache/cache-options.js';
import { invalidOption } from '../core/errors.js';
import { resolveOptions, sizeBytes, unknownKey } from '../core/options.js';
import { type ExplainOptions, resolveExplain } from '../explain/explain-options.js';
import {
  type ProxyRotateOptions,
  proxyRotateSchema,
  resolveProxyRotate,
} from '../proxy-rotate/proxy-rotate-options.js';
import {
  type RateLimitOptions,
  rateLimitSchema,
  resolveRateLimit,
} from '../rate-limit/rate-limit-options.js';
import { type RetryOptions, retrySchema } from '../retry/retry-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { FORWARD_OPTIONS, resolveForward } from '../upstream/options/resolve-forward.js';
import type { BodyRules } from '../validate-body/validate-body.js';
import { checkBlock, without } from './blocks.js';
import type { ApiOptions } from './options.js';

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

// The API's name is that of its parts, and what they share belongs to all APIs.
const apiCacheSchema = without(cacheSchema, ['name']);
const apiRateLimitSchema = without(rateLimitSchema, ['name', 'redis']);
const apiBreakerSchema = without(breakerSchema, ['name', 'registry']);
const apiProxyRotateSchema = without(proxyRotateSchema, ['name']);

const OWN_OPTIONS = [
  'requiresBody',
  'validateJson',
  'maxBodyBytes',
  'explain',
  'cache',
  'rateLimit',
  'breaker',
  'retry',
  'proxyRotate',
];

/**
 * Sorts the options of one API, and checks them where the place they stand at is known.
 * @param place as `apis.github`; empty for a single API
 * @throws InvalidOptionError
 */
export function sortOptions(place: string, options: ApiOptions): SortedOptions {
  const known = [...OWN_OPTIONS, ...FORWARD_OPTIONS];
  const stray = Object.keys(options).find((key) => !known.includes(key));
  if (stray) throw invalidOption(at(place, stray), unknownKey(stray, known), Reflect.get(options, stray));
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
  checkBlock(apiCacheSchema, cache, at(place, 'cache'));
  checkBlock(apiRateLimitSchema, rateLimit, at(place, 'rateLimit'));
  if (rateLimit) resolveRateLimit(rateLimit, at(place, 'rateLimit'));
  checkBlock(retrySchema, retry, at(place, 'retry'));
  checkBlock(apiProxyRotateSchema, proxyRotate, at(place, 'proxyRotate'));
  if (proxyRotate) {
    resolveProxyRotate(proxyRotate, at(place, 'proxyRotate'));
    const { agent, target, forward: copy } = rest;
    if (copy) throw invalidOption(at(place, 'forward'), 'cannot go with proxyRotate: copies go direct', copy);
    if (agent)
      throw invalidOption(at(place, 'agent'), 'cannot go with proxyRotate, which has its own', agent);
    if (typeof target === 'object' && 'socketPath' in target)
      throw invalidOption(at(place, 'target.socketPath'), 'cannot go with proxyRotate', target.socketPath);
  }
  checkBlock(apiBreakerSchema, breaker, at(place, 'breaker'));
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
