import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { steadyClock } from '../core/steady-clock.js';
import { targetDigest } from '../core/target-digest.js';
import { ApiCircuits } from './api-circuits.js';
import { type BreakerHandler, breaker } from './breaker.js';
import { type BreakerOptions, breakerFileShape, breakerSchema, resolveBreaker } from './breaker-options.js';

/** The block `breaker` of an API, whose name is the circuit's. The registry and the store are those of all APIs. */
type BreakerBlock = Omit<BreakerOptions, 'name' | 'registry' | 'store'>;

export const breakerPart: Part<'breaker', BreakerBlock, BreakerHandler, ApiCircuits> = {
  name: 'breaker',
  options: {
    schema: without(breakerSchema, ['name', 'registry', 'store']),
    file: breakerFileShape,
    preset: {},
    check: (options, place, { redis }) => void resolveBreaker(options, place, redis),
  },
  share: (redis, _options, _limits, machine) => new ApiCircuits(redis, machine),
  make(options, { name, forward }, registry) {
    const store = options.scope === 'process' ? undefined : registry.store;
    return breaker({ ...options, name, registry, store }, steadyClock, targetDigest(forward));
  },
  // The registry takes one of each name.
  unlist: (api, registry) => registry.release(api),
};
