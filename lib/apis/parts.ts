import { type BreakerHandler, breaker } from '../breaker/breaker.js';
import type { CircuitRegistry } from '../breaker/circuit-registry.js';
import { type CacheHandler, cache } from '../cache/cache.js';
import { apiSite } from '../cache/cache-site.js';
import { steadyClock } from '../core/steady-clock.js';
import { type ProxyRotateHandler, proxyRotate } from '../proxy-rotate/proxy-rotate.js';
import { forwardedCredentials } from '../rate-limit/gate/credential.js';
import { type RateLimitHandler, rateLimit } from '../rate-limit/rate-limit.js';
import { retry } from '../retry/retry.js';
import { type ForwardHandler, forward } from '../upstream/forward.js';
import type { Api } from './api.js';
import { optionsSnapshot, sameOptions } from './same-options.js';
import type { SharedParts } from './shared-parts.js';
import type { SortedOptions } from './sort-options.js';

/** The parts of one API that hold state, connections, or both. */
export interface ApiParts extends Omit<Api, 'name'> {
  readonly forward: ForwardHandler;
}

/** Name of a part, as in the options. */
export type PartName = 'cache' | 'rateLimit' | 'breaker' | 'retry' | 'proxyRotate' | 'forward';

/** Every part. */
export const PART_NAMES: readonly PartName[] = [
  'cache',
  'rateLimit',
  'breaker',
  'retry',
  'proxyRotate',
  'forward',
];

/** Options of `forward()` that affect the transport of a call, not its response. */
const TRAVEL: readonly string[] = [
  'transport',
  'connections',
  'keepAliveTimeoutMs',
  'queueTimeoutMs',
  'connectTimeoutMs',
  'bodyTimeoutMs',
  'streamIdleTimeoutMs',
  'requestTimeoutMs',
  'maxResponseHeaderBytes',
  'maxKeptBytes',
];

/** The options that the parts of an API were created from, to be compared with the next configuration. */
export type PartSources = Readonly<Record<PartName | 'target' | 'rules' | 'explain', unknown>>;

/** The options that each part of an API is created from. */
export function partSources({ forward, ...options }: SortedOptions): PartSources {
  const { pathRewrite, router } = forward;
  // The first rule that matches wins, so here the order of keys matters.
  const orders = [pathRewrite, router].map((rules) => typeof rules === 'object' && Object.keys(rules));
  const responses = Object.entries(forward).filter(([name]) => !TRAVEL.includes(name));
  const snapshot = {
    target: forward.target,
    rules: [options.rules, options.ws],
    explain: options.explain,
    cache: options.cache && [options.cache, Object.fromEntries(responses), orders],
    rateLimit: options.rateLimit && [options.rateLimit, forwardedCredentials(forward)],
    breaker: options.breaker,
    retry: options.retry,
    proxyRotate: options.proxyRotate,
    // Its connection pools belong to the egress proxies.
    forward: [forward, orders, options.proxyRotate],
  };
  return optionsSnapshot(snapshot) as PartSources;
}

/** Whether only this package writes responses and counts their bytes: no cache, no listener of the user. */
export function ownWriters({ cache, forward: { on, plugins, selfHandleResponse } }: SortedOptions): boolean {
  return !cache && !selfHandleResponse && !plugins?.length && Object.keys(on ?? {}).length === 0;
}

/** What has changed. Another target is another API: nothing learned applies to it. */
export function changedSources(before: PartSources, now: PartSources): (keyof PartSources)[] {
  const names = Object.keys(now) as (keyof PartSources)[];
  const changed = names.filter((name) => !sameOptions(before[name], now[name]));
  return changed.includes('target') ? names : changed;
}

/** Creates parts, and knows how to close each of them. */
export class PartFactory {
  readonly #shared: SharedParts;
  readonly #circuits: CircuitRegistry;
  readonly #closers = new Map<unknown, () => unknown>();

  constructor(shared: SharedParts, circuits: CircuitRegistry) {
    this.#shared = shared;
    this.#circuits = circuits;
  }

  /**
   * The parts of an API except its breaker, new ones where none are kept. Valid options may still be refused here, by a
   * plugin of `forward()`.
   */
  make(name: string, options: SortedOptions, kept: Partial<ApiParts>): Omit<ApiParts, 'breaker'> {
    return {
      // First: it alone can throw, and then no other part has to be closed.
      forward: kept.forward ?? this.#forward(options),
      cache: kept.cache ?? this.#cache(name, options),
      rateLimit: kept.rateLimit ?? this.#rateLimit(name, options),
      retry: kept.retry ?? (options.retry ? retry(options.retry) : undefined),
      proxyRotate: kept.proxyRotate ?? this.#proxyRotate(name, options),
    };
  }

  /** The breaker of an API. The one before must be closed: the registry takes one of each name. */
  makeBreaker(name: string, options: SortedOptions): BreakerHandler | undefined {
    if (!options.breaker) return undefined;
    const made = breaker({ ...options.breaker, name, registry: this.#circuits });
    this.#closers.set(made, () => made.close());
    return made;
  }

  /** Closes a part, once; parts that hold nothing open are ignored. */
  async close(part: unknown): Promise<void> {
    const closer = this.#closers.get(part);
    this.#closers.delete(part);
    await closer?.();
  }

  /** Closes every part. */
  async closeAll(): Promise<void> {
    await Promise.all([...this.#closers.keys()].map((part) => this.close(part)));
  }

  #forward(options: SortedOptions): ForwardHandler {
    const made = forward(options.forward, { egressOnly: rotates(options) });
    this.#closers.set(made, () => made.close());
    return made;
  }

  #cache(name: string, options: SortedOptions): CacheHandler | undefined {
    if (!options.cache) return undefined;
    const store = this.#shared.storeFor(options.cache);
    const made = cache({ ...options.cache, ...(store ? { store } : {}), name }, apiSite(options.forward));
    this.#closers.set(made, () => Promise.all([made.close(), store?.close()]));
    return made;
  }

  #rateLimit(name: string, options: SortedOptions): RateLimitHandler | undefined {
    if (!options.rateLimit) return undefined;
    const { redis } = this.#shared;
    const forwarded = forwardedCredentials(options.forward);
    const made = rateLimit({ ...options.rateLimit, name, redis }, steadyClock, forwarded);
    this.#closers.set(made, () => made.close());
    return made;
  }

  #proxyRotate(name: string, options: SortedOptions): ProxyRotateHandler | undefined {
    if (!options.proxyRotate) return undefined;
    const made = proxyRotate({ ...options.proxyRotate, name });
    this.#closers.set(made, () => made.close());
    return made;
  }
}

/** Whether calls go through egress proxies. */
const rotates = ({ proxyRotate }: SortedOptions): boolean =>
  proxyRotate !== false && proxyRotate.strategy !== 'never';
