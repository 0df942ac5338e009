import { expect } from 'chai';
import { type ConcurrencyOptions, resolveConcurrency } from '../../../lib/concurrency/concurrency-options.js';

describe('resolveConcurrency()', () => {
  it('has defaults', () => {
    expect(resolveConcurrency({})).to.deep.equal({
      name: 'default',
      limit: 'adaptive',
      min: 1,
      max: 200,
      per: 'api',
      queue: 100,
      maxWaitMs: 10_000,
      credentialHeaders: [],
      credentialExceptions: [],
      maxKeys: 10_000,
      prefix: 'rpo',
      commandTimeoutMs: 50,
    });
  });

  const REFUSED: [options: object, message: string][] = [
    [{ limit: 0 }, 'concurrency.limit must be at least 1; received 0'],
    [{ limit: 'fast' }, "concurrency.limit must be a whole number from 1, or 'adaptive'"],
    [{ limit: 5, min: 1 }, "concurrency.min must stand beside limit 'adaptive'; received 1"],
    [{ limit: 5, max: 9 }, "concurrency.max must stand beside limit 'adaptive'; received 9"],
    [{ min: 10, max: 5 }, 'concurrency.min must be at most max, 5; received 10'],
    [{ min: 300 }, 'concurrency.min must be at most max, 200; received 300'],
    [{ per: 'key' }, 'concurrency.per must stand beside a key function; received "key"'],
    [{ per: 'user' }, 'concurrency.per must be "api" or "key" or "credential" or "proxy"'],
    [{ key: 'x' }, 'concurrency.key must be a function'],
    [{ queue: -1 }, 'concurrency.queue must be at least 0; received -1'],
    [{ maxWaitMs: 0 }, 'concurrency.maxWaitMs must be at least 1'],
    [{ limt: 5 }, 'concurrency.limt is not an option of concurrency (did you mean limit?)'],
  ];
  for (const [options, message] of REFUSED)
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => resolveConcurrency(options as ConcurrencyOptions)).to.throw(message);
    });
});
