import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { type BreakerOptions, resolveBreaker } from '../../../lib/breaker/breaker-options.js';

describe('BreakerOptions', () => {
  it('have the documented defaults', () => {
    const { config, name, maxCircuits, key } = resolveBreaker({});
    expect(config).to.deep.equal({
      failureThreshold: 5,
      failureStatuses: [500, '502-504', '506-510', '512-599'],
      resetTimeoutMs: 30_000,
      backoffFactor: 1,
      maxResetTimeoutMs: 300_000,
      requestTimeoutMs: 10_000,
      successThreshold: 2,
      maxProbes: 2,
      probeTimeoutMs: 20_000,
      failureRatio: 0.5,
      minimumRequests: 20,
      windowMs: 10_000,
      slowCallMs: false,
      slowCallRatio: 0.5,
      countRateLimited: false,
      scope: 'process',
      quorum: 2,
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

  it('share circuits where there is a store, unless they are told not to', () => {
    const store = { join: () => expect.fail('nothing is joined'), close: async () => {} };
    expect(resolveBreaker({ store }).store).to.equal(store);
    expect(resolveBreaker({ store }).config).to.include({ scope: 'fleet', quorum: 2 });
    expect(resolveBreaker({ store, scope: 'process' }).store).to.equal(undefined);
    expect(() => breaker({ scope: 'fleet' })).to.throw(
      'breaker.scope must be \'process\' where there is no Redis; received "fleet"',
    );
    expect(() => breaker({ quorum: 0 })).to.throw('breaker.quorum must be');
    expect(() => breaker({ store: 'redis' as never })).to.throw('breaker.store must be a store of circuits');
  });

  it('let a circuit stay open for at least resetTimeoutMs', () => {
    expect(resolveBreaker({ resetTimeoutMs: 400_000 }).config.maxResetTimeoutMs).to.equal(400_000);
    expect(() => breaker({ resetTimeoutMs: 1000, maxResetTimeoutMs: 999 })).to.throw(
      'breaker.maxResetTimeoutMs must be at least resetTimeoutMs, which is 1000; received 999',
    );
  });

  it('refuse slowCallRatio without slowCallMs', () => {
    expect(() => breaker({ slowCallRatio: 0.2 })).to.throw(
      'breaker.slowCallRatio needs slowCallMs; received 0.2',
    );
    expect(resolveBreaker({ slowCallMs: 100, slowCallRatio: 0.2 }).config).to.include({ slowCallRatio: 0.2 });
  });

  const STATUS_RULE = 'must be a status from 400 to 599, or a range such as "502-504"';
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
    ['backoffFactor', 0.5, 'breaker.backoffFactor must be at least 1; received 0.5'],
    ['slowCallMs', true, 'breaker.slowCallMs must be a number of milliseconds, or false; received true'],
    ['failureStatuses', [200], 'breaker.failureStatuses[0] must be at least 400; received 200'],
    ['failureStatuses', ['504-502'], `breaker.failureStatuses[0] ${STATUS_RULE}; received "504-502"`],
    ['failureStatuses', ['5xx'], `breaker.failureStatuses[0] ${STATUS_RULE}; received "5xx"`],
    [
      'failureWhen',
      { json: 'ok' },
      'breaker.failureWhen.json must be a JSON Pointer, as /errors; received "ok"',
    ],
    [
      'failureWhen',
      { json: '/ok', retry: false },
      'breaker.failureWhen.retry is not an option of breaker.failureWhen',
    ],
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
