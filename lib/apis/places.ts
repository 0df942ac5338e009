import { breakerSchema } from '../breaker/breaker-options.js';
import { cacheSchema } from '../cache/cache-options.js';
import { NAMES_ELSEWHERE } from '../core/names-elsewhere.js';
import type { OtherPlaces } from '../core/unknown-name.js';
import { explainSchema } from '../explain/explain-options.js';
import { proxyRotateSchema } from '../proxy-rotate/proxy-rotate-options.js';
import { rateLimitSchema } from '../rate-limit/rate-limit-options.js';
import { retrySchema } from '../retry/retry-options.js';
import { FORWARD_OPTIONS } from '../upstream/options/resolve-forward.js';
import { without } from './blocks.js';

// The API's name is that of its parts, and what they share belongs to all APIs.
export const apiCacheSchema = without(cacheSchema, ['name']);
export const apiRateLimitSchema = without(rateLimitSchema, ['name', 'redis']);
export const apiBreakerSchema = without(breakerSchema, ['name', 'registry']);
export const apiProxyRotateSchema = without(proxyRotateSchema, ['name']);

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
  'stages',
];

/** Names of the options of one API. */
export const API_OPTIONS: readonly string[] = [...OWN_OPTIONS, ...FORWARD_OPTIONS];

/** Every option of an API by its block, for one that is written in the wrong one. */
export const API_PLACES = {
  blocks: {
    retry: Object.keys(retrySchema.shape),
    breaker: Object.keys(apiBreakerSchema.shape),
    cache: Object.keys(apiCacheSchema.shape),
    rateLimit: Object.keys(apiRateLimitSchema.shape),
    proxyRotate: Object.keys(apiProxyRotateSchema.shape),
    explain: Object.keys(explainSchema.shape),
    // http2 is refused wherever it stands.
    '': API_OPTIONS.filter((name) => name !== 'http2'),
  },
  elsewhere: NAMES_ELSEWHERE,
} as const satisfies OtherPlaces;

/** For an option of an API that is written beside `apis`. */
export const ROOT_PLACES: OtherPlaces = {
  blocks: { 'apis.<name>': API_PLACES.blocks[''], defaults: API_PLACES.blocks[''] },
};
