import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { type BreakerOptions, resolveBreaker } from '../../../lib/breaker/breaker-options.js';

describe('BreakerOptions', () => {
  it('have the documented defaults', () => {
    const { config, name, maxCircuits, key } = resolveBreaker({});
    expect(config).to.deep.equal({
      failureThreshold: 5,
      resetTimeoutMs: 30_000,
      requestTimeoutMs: 10_000,
      successThreshold: 2,
      maxProbes: 2,
      probeTimeoutMs: 20_000,
      failureRatio: 0.5,
      minimumRequests: 20,
      windowMs: 10_000,
      countRateLimited: false,
    });
    expect({ name, maxCircuits, key }).to.deep.equal({ name: 'default', maxCircuits: 1000, key: undefined });
  });

  it('take undefined for the default and leave the given object alone', () => {
    const given = Object.freeze({ failureThreshold: undefined, successThreshold: 4 });
    const { config } = resolveBreaker(given);
    expect(config).to.include({ failureThreshold: 5, successThreshold: 4, maxProbes: 4 });
    expect(Object.isFrozen(config)).to.equal(true);
  });

  it('take false for failureRatio', () => {
    expect(resolveBreaker({ failureRatio: false }).config.failureRatio).to.equal(false);
  });

  const refused: [string, unknown, string][] = [
    ['name', '', 'breaker.name must be at least 1 characters; received ""'],
    ['failureThreshold', 0, 'breaker.failureThreshold must be at least 1; received 0'],
    ['resetTimeoutMs', -1, 'breaker.resetTimeoutMs must be at least 1; received -1'],
    ['requestTimeoutMs', Number.NaN, 'breaker.requestTimeoutMs must be a number; received NaN'],
    ['successThreshold', '2', 'breaker.successThreshold must be a number; received "2"'],
    ['maxProbes', 1.5, 'breaker.maxProbes must be a whole number; received 1.5'],
    ['probeTimeoutMs', 2 ** 31, 'breaker.probeTimeoutMs must be at most 2147483647; received 2147483648'],
    ['failureRatio', 2, 'breaker.failureRatio must be at most 1; received 2'],
    ['failureRatio', 0, 'breaker.failureRatio must be above 0; received 0'],
    ['minimumRequests', 0, 'breaker.minimumRequests must be at least 1; received 0'],
    ['windowMs', Number.POSITIVE_INFINITY, 'breaker.windowMs must be a number; received Infinity'],
    ['countRateLimited', 'yes', 'breaker.countRateLimited must be a boolean; received "yes"'],
    ['key', 'tenant', 'breaker.key must be a function; received "tenant"'],
    ['maxCircuits', 0, 'breaker.maxCircuits must be at least 1; received 0'],
    ['registry', {}, 'breaker.registry must be a CircuitRegistry; received an object'],
    [
      'failureTreshold',
      5,
      'breaker.failureTreshold is not an option of breaker (did you mean failureThreshold?)',
    ],
  ];
  for (const [option, value, message] of refused) {
    it(`refuse ${option}: ${String(value)}`, () => {
      const options: BreakerOptions = { [option]: value };
      expect(() => breaker(options))
        .to.throw(message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
