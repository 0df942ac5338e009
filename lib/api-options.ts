import { z } from 'zod';
import { type BreakerOptions, breakerSchema } from './breaker/breaker-options.js';
import { type CacheOptions, cacheSchema } from './cache/cache-options.js';
import { invalidOption } from './errors.js';
import { optionsObject, resolveOptions, sizeBytes, unknownKey } from './options.js';
import { type RetryOptions, retrySchema } from './retry/retry-options.js';
import { FORWARD_OPTIONS, type ForwardOptions, resolveForward } from './upstream/forward-options.js';
import type { BodyRules } from './validate-body/validate-body.js';

/**
 * One API of `resilientProxy()`. All options of `forward()` are taken too; those whose default differs
 * here are listed.
 */
export interface ApiOptions extends ForwardOptions {
  /**
   * Refuses calls without a body: 400 ERR_BODY_REQUIRED.
   * @default false
   */
  requiresBody?: boolean;
  /**
   * Refuses bodies that are no JSON: 400 ERR_INVALID_JSON, and the target is not called.
   * @default the value of `requiresBody`
   */
  validateJson?: boolean;
  /**
   * Largest body that is read to be checked; a larger one is 413 ERR_BODY_TOO_LARGE. Bodies that are not
   * checked stream through at any size.
   * @default 1048576
   */
  maxBodyBytes?: number;
  /**
   * Whether `Cookie` reaches the target and its `Set-Cookie` the client: an application's session is no
   * business of a third party.
   * @default false
   */
  forwardCookies?: boolean;
  /**
   * `Host` is the target's.
   * @default true
   */
  changeOrigin?: boolean;
  /**
   * Bound on one attempt up to its head where the breaker is off; else `breaker.requestTimeoutMs` is.
   * @default 10000
   */
  requestTimeoutMs?: number;
  /** Keeps answers and sends them again: the options of `cache()`; off unless given. */
  cache?: Omit<CacheOptions, 'name'> | false;
  /** The circuit breaker's options; `false` turns it off. */
  breaker?: Omit<BreakerOptions, 'name' | 'registry'> | false;
  /** The options of retrying; `false` turns it off. */
  retry?: RetryOptions | false;
}

/** One API: its name in errors, events and circuits beside its options. */
export interface SingleApiConfig extends ApiOptions {
  name: string;
}

/** Many APIs, each under the first segment of the path. */
export interface ManyApisConfig {
  apis: Record<string, ApiOptions>;
  /** What every API has that does not say otherwise. `cache`, `breaker` and `retry` are merged one by one. */
  defaults?: Partial<ApiOptions>;
}

/** What {@link resilientProxy} is configured with. */
export type ResilientProxyConfig = SingleApiConfig | ManyApisConfig;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;

/** The APIs of a configuration with their defaults merged in. @throws InvalidOptionError */
export function resolveConfig(config: ResilientProxyConfig): {
  single: boolean;
  apis: Map<string, ApiOptions>;
} {
  if (typeof config !== 'object' || config === null)
    throw invalidOption('config', 'must be an object', config);
  if (!('apis' in config)) {
    const { name, ...options } = config;
    return { single: true, apis: new Map([[apiName(name, 'name'), options]]) };
  }
  const stray = Object.keys(config).find((key) => key !== 'apis' && key !== 'defaults');
  if (stray) throw invalidOption(stray, unknownKey(stray, ['apis', 'defaults']), Reflect.get(config, stray));
  const { apis, defaults = {} } = config;
  if (typeof apis !== 'object' || apis === null) throw invalidOption('apis', 'must be an object', apis);
  const entries = Object.entries(apis).map(([name, options]): [string, ApiOptions] => {
    const place = `apis.${name}`;
    apiName(name, place);
    if (typeof options !== 'object' || options === null)
      throw invalidOption(place, 'must be an object', options);
    return [name, merge(defaults, options)];
  });
  return { single: false, apis: new Map(entries) };
}

function apiName(name: unknown, place: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw invalidOption(
    place,
    'must be a name of letters, digits, "-", "_", "." and "~" that begins with a letter or a digit',
    name,
  );
}

function merge(defaults: Partial<ApiOptions>, options: ApiOptions): ApiOptions {
  const block = <K extends 'cache' | 'breaker' | 'retry'>(key: K): ApiOptions[K] => {
    const own = options[key];
    const common = defaults[key];
    if (own === undefined) return common;
    return own && common ? { ...common, ...own } : own;
  };
  return {
    ...defaults,
    ...options,
    cache: block('cache'),
    breaker: block('breaker'),
    retry: block('retry'),
  };
}

const rulesSchema = z.object({
  requiresBody: z.boolean().default(false),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
});

/** The options of one API, sorted by the part that they are for. */
export interface SortedOptions {
  readonly rules: BodyRules;
  readonly cache: Omit<CacheOptions, 'name'> | false;
  readonly breaker: Omit<BreakerOptions, 'name' | 'registry'> | false;
  readonly retry: RetryOptions | false;
  readonly forward: ForwardOptions;
}

// The API's name is its circuit's, and all of them are in one registry.
const apiBreakerSchema = optionsObject(
  Object.fromEntries(
    Object.entries(breakerSchema.shape).filter(([key]) => key !== 'name' && key !== 'registry'),
  ),
);

// So is it the name of its keys.
const apiCacheSchema = optionsObject(
  Object.fromEntries(Object.entries(cacheSchema.shape).filter(([key]) => key !== 'name')),
);

const OWN_OPTIONS = ['requiresBody', 'validateJson', 'maxBodyBytes', 'cache', 'breaker', 'retry'];

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
    cache = false,
    breaker = {},
    retry = {},
    ...rest
  } = options;
  const rules = resolveOptions(rulesSchema, { requiresBody, validateJson, maxBodyBytes }, place);
  const forward = { changeOrigin: true, forwardCookies: false, requestTimeoutMs: 10_000, ...rest };
  resolveForward(forward, place);
  checkBlock(apiCacheSchema, cache, at(place, 'cache'));
  checkBlock(retrySchema, retry, at(place, 'retry'));
  checkBlock(apiBreakerSchema, breaker, at(place, 'breaker'));
  return {
    rules: { ...rules, validateJson: rules.validateJson ?? rules.requiresBody },
    cache,
    breaker,
    retry,
    forward,
  };
}

function checkBlock(schema: z.ZodType, value: unknown, place: string): void {
  if (value === false) return;
  if (typeof value !== 'object') throw invalidOption(place, 'must be an object of options, or false', value);
  resolveOptions(schema, value, place);
}

const at = (place: string, key: string) => (place === '' ? key : `${place}.${key}`);
