import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { type BreakerHandler, breaker } from './breaker.js';
import { type BreakerOptions, breakerFileShape, breakerSchema, resolveBreaker } from './breaker-options.js';
import { CircuitRegistry } from './circuit-registry.js';

/** The block `breaker` of an API, whose name is the circuit's. The registry is that of all APIs. */
type BreakerBlock = Omit<BreakerOptions, 'name' | 'registry'>;

export const breakerPart: Part<'breaker', BreakerBlock, BreakerHandler, CircuitRegistry> = {
  name: 'breaker',
  options: {
    schema: without(breakerSchema, ['name', 'registry']),
    file: breakerFileShape,
    preset: {},
    check: (options, place) => void resolveBreaker(options, place),
  },
  share: () => new CircuitRegistry(),
  make: (options, { name }, registry) => breaker({ ...options, name, registry }),
  // The registry takes one of each name.
  unlist: (api, registry) => registry.release(api),
};
