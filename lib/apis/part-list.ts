import type { BreakerHandler } from '../breaker/breaker.js';
import type { BreakerOptions } from '../breaker/breaker-options.js';
import { breakerPart } from '../breaker/breaker-part.js';
import type { CacheHandler } from '../cache/cache.js';
import type { CacheOptions } from '../cache/cache-options.js';
import { cachePart } from '../cache/cache-part.js';
import type { ConcurrencyHandler } from '../concurrency/concurrency.js';
import type { ConcurrencyOptions } from '../concurrency/concurrency-options.js';
import { concurrencyPart } from '../concurrency/concurrency-part.js';
import type { Part } from '../core/part.js';
import type { ProxyRotateHandler } from '../proxy-rotate/proxy-rotate.js';
import type { ProxyRotateOptions } from '../proxy-rotate/proxy-rotate-options.js';
import { proxyRotatePart } from '../proxy-rotate/proxy-rotate-part.js';
import type { RateLimitHandler } from '../rate-limit/rate-limit.js';
import type { RateLimitOptions } from '../rate-limit/rate-limit-options.js';
import { rateLimitPart } from '../rate-limit/rate-limit-part.js';
import type { RetryHandler } from '../retry/retry.js';
import type { RetryOptions } from '../retry/retry-options.js';
import { retryPart } from '../retry/retry-part.js';
import type { ForwardHandler } from '../upstream/forward.js';
import { forwardPart } from '../upstream/forward-part.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';

/** Blocks of options of one API, each for a part that it turns on or off; `true` turns it on with its defaults. */
export interface PartBlocks {
  /**
   * Stores responses and serves repeated requests from them.
   * @default off
   */
  cache?: Omit<CacheOptions, 'name'> | boolean | undefined;
  /**
   * Keeps calls within a quota and within the limits that the API advertises; `true` follows the latter alone.
   * @default off
   */
  rateLimit?: Omit<RateLimitOptions, 'name' | 'redis'> | boolean | undefined;
  /**
   * Bounds the requests that are in flight at once: options, or `'adaptive'` for a limit that follows the latency of the
   * API.
   * @default off
   */
  concurrency?: Omit<ConcurrencyOptions, 'name' | 'redis'> | 'adaptive' | boolean | undefined;
  /**
   * Circuit breaker: refuses calls for a while after repeated failures.
   * @default on
   */
  breaker?: Omit<BreakerOptions, 'name' | 'registry' | 'store'> | boolean | undefined;
  /**
   * Retries failed attempts.
   * @default on
   */
  retry?: RetryOptions | boolean | undefined;
  /**
   * Sends requests through egress proxies.
   * @default off
   */
  proxyRotate?: Omit<ProxyRotateOptions, 'name'> | boolean | undefined;
}

/** The parts of one API, for events and for control. */
export interface PartHandlers {
  /** `undefined` unless the configuration turned it on. */
  readonly cache: CacheHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly rateLimit: RateLimitHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly concurrency: ConcurrencyHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly breaker: BreakerHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly retry: RetryHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly proxyRotate: ProxyRotateHandler | undefined;
}

/** Each part by its name, which is that of its block and of its handler. */
type Parts = {
  [N in keyof PartHandlers]: Part<N, Extract<PartBlocks[N], object>, NonNullable<PartHandlers[N]>>;
} & { forward: Part<'forward', ForwardOptions, ForwardHandler> };

/** Name of a part, as in the options. */
export type PartName = keyof PartHandlers | 'forward';

/** Every part of an API, in the order of the stages. A new part is its room and its lines in this file. */
export const PARTS: Parts = {
  cache: cachePart,
  breaker: breakerPart,
  rateLimit: rateLimitPart,
  concurrency: concurrencyPart,
  retry: retryPart,
  proxyRotate: proxyRotatePart,
  forward: forwardPart,
};

/** The same, for code that treats all parts alike. */
export const ALL_PARTS: readonly Part[] = Object.values(PARTS);

/** The name of every part. */
export const PART_NAMES = Object.keys(PARTS) as readonly PartName[];

/** One API of a `resilientProxy()`: its name and its parts, for events and for control. */
export interface Api extends PartHandlers {
  /** As in the configuration, in events and in the path. */
  readonly name: string;
}

/** The parts of one API that hold state, connections, or both. */
export interface ApiParts extends PartHandlers {
  readonly forward: ForwardHandler;
}
