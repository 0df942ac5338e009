import { expect } from 'chai';
import {
  type RedisStoreOptions,
  resolveRedisStoreOptions,
} from '../../../../../lib/cache/store/redis/options.js';
import { InvalidOptionError } from '../../../../../lib/core/errors.js';

describe('resolveRedisStoreOptions()', () => {
  it('fills in every default and leaves the caller’s object alone', () => {
    const given = Object.freeze({ redis: 'rediss://h' });
    expect(resolveRedisStoreOptions(given)).to.deep.equal({
      redis: 'rediss://h',
      prefix: 'rpo:',
      commandTimeoutMs: 50,
      maxEntryBytes: 1024 * 1024,
      maxPendingBytes: 16 * 1024 * 1024,
      circuit: { failures: 5, resetMs: 1000 },
    });
  });

  it('refuses wrong values and unknown names', () => {
    const redis = 'redis://h';
    const refused: [Record<string, unknown>, string][] = [
      [{}, 'redis'],
      [{ redis: 6379 }, 'redis'],
      [{ redis, prefix: 5 }, 'prefix'],
      [{ redis, commandTimeoutMs: '50' }, 'commandTimeoutMs'],
      [{ redis, maxEntryBytes: -1 }, 'maxEntryBytes'],
      [{ redis, maxPendingBytes: 0.5 }, 'maxPendingBytes'],
      [{ redis, circuit: { failures: 0 } }, 'circuit.failures'],
      [{ redis, circuit: { resetMs: 0 } }, 'circuit.resetMs'],
      [{ redis, comandTimeoutMs: 5 }, 'comandTimeoutMs'],
    ];
    for (const [options, path] of refused) {
      expect(() => resolveRedisStoreOptions(options as unknown as RedisStoreOptions), path)
        .to.throw(InvalidOptionError)
        .with.property('path', path);
    }
  });
});
