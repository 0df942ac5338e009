import type { BreakerHandler } from '../breaker/breaker.js';
import type { CacheHandler } from '../cache/cache.js';
import type { ProxyRotateHandler } from '../proxy-rotate/proxy-rotate.js';
import type { RateLimitHandler } from '../rate-limit/rate-limit.js';
import type { RetryHandler } from '../retry/retry.js';

/** One API of a `resilientProxy()`: its name and its parts, for events and for control. */
export interface Api {
  /** As in the configuration, in events and in the path. */
  readonly name: string;
  /** `undefined` unless the configuration turned it on. */
  readonly cache: CacheHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly rateLimit: RateLimitHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly breaker: BreakerHandler | undefined;
  /** `undefined` where the configuration turned it off. */
  readonly retry: RetryHandler | undefined;
  /** `undefined` unless the configuration turned it on. */
  readonly proxyRotate: ProxyRotateHandler | undefined;
}
