import { expect } from 'chai';
import { rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import { type RateLimitOptions, resolveRateLimit } from '../../../lib/rate-limit/rate-limit-options.js';

describe('RateLimitOptions', () => {
  it('have the documented defaults', () => {
    expect(resolveRateLimit({})).to.deep.equal({
      name: 'default',
      windowMs: 60_000,
      algorithm: 'sliding',
      limits: [],
      cost: 1,
      onLimit: 'reject',
      scope: 'auto',
      maxWaitMs: 10_000,
      maxQueue: 1000,
      learn: true,
      maxPauseMs: 3_600_000,
      credentialHeaders: [],
      credentialExceptions: [],
      maxKeys: 10_000,
      prefix: 'rpo',
      commandTimeoutMs: 50,
    });
  });

  it('take undefined for the default and leave the given object alone', () => {
    const given = Object.freeze({ limit: 5, windowMs: undefined });
    const resolved = resolveRateLimit(given);
    expect(resolved).to.include({ limit: 5, windowMs: 60_000 });
    expect(Object.isFrozen(resolved)).to.equal(true);
  });

  const refused: [options: Record<string, unknown>, message: string][] = [
    [{ limit: 0 }, 'rateLimit.limit must be at least 1; received 0'],
    [{ limit: 1.5 }, 'rateLimit.limit must be a whole number; received 1.5'],
    [{ limit: 5, windowMs: 0 }, 'rateLimit.windowMs must be at least 1; received 0'],
    [{ burst: { limit: 5, windowMs: 10 } }, 'rateLimit.burst must stand beside a limit; received an object'],
    [{ limit: 5, burst: { limit: 5 } }, 'rateLimit.burst.windowMs is required and must be a number'],
    [{ limit: 5, burst: 7 }, 'rateLimit.burst must be an object; received 7'],
    [{ learn: false }, 'rateLimit.learn must be true where there is no limit; received false'],
    [{ onLimit: 'drop' }, 'rateLimit.onLimit must be "reject" or "queue"; received "drop"'],
    [
      { algorithm: 'leaky' },
      'rateLimit.algorithm must be "sliding" or "fixed" or "spaced"; received "leaky"',
    ],
    [{ cost: 0 }, 'rateLimit.cost must be'],
    [{ cost: 'usage' }, 'rateLimit.cost must be a whole number from 1, or a JSON Pointer'],
    [{ cost: '/usage', limit: 5 }, "rateLimit.cost needs one of limits with the unit 'tokens'"],
    [{ limits: [{ limit: 5 }] }, 'rateLimit.limits[0].windowMs is required'],
    [{ limits: [{ limit: 5, windowMs: 1, unit: 'words' }] }, 'rateLimit.limits[0].unit must be'],
    [{ scope: 'user' }, "rateLimit.scope must be 'auto', 'api', 'path' or a function; received \"user\""],
    [{ limitHeaders: { limit: 'X-Max' } }, 'rateLimit.limitHeaders.remaining is required'],
    [{ limitHeaders: { remaining: 'a b' } }, 'rateLimit.limitHeaders.remaining must be a header name'],
    [{ limitHeaders: { remaining: 'X-Left', resetUnit: 'h' } }, 'rateLimit.limitHeaders.resetUnit must be'],
    [{ maxWaitMs: 0 }, 'rateLimit.maxWaitMs must be at least 1; received 0'],
    [{ maxQueue: 0 }, 'rateLimit.maxQueue must be at least 1; received 0'],
    [{ maxPauseMs: 2 ** 31 }, 'rateLimit.maxPauseMs must be at most 2147483647; received 2147483648'],
    [{ maxKeys: 0 }, 'rateLimit.maxKeys must be at least 1; received 0'],
    [{ credentialHeaders: ['a b'] }, 'rateLimit.credentialHeaders[0] must be a header name; received "a b"'],
    [{ sharedLimit: 'yes' }, 'rateLimit.sharedLimit must be a boolean; received "yes"'],
    [{ key: 'tenant' }, 'rateLimit.key must be a function; received "tenant"'],
    [{ name: '' }, 'rateLimit.name must be at least 1 characters; received ""'],
    [{ redis: 'http://h' }, 'rateLimit.redis must be an ioredis client, its options'],
    [{ commandTimeoutMs: 0 }, 'rateLimit.commandTimeoutMs must be at least 1; received 0'],
    [{ windowsMs: 5 }, 'rateLimit.windowsMs is not an option of rateLimit (did you mean windowMs?)'],
  ];
  for (const [options, message] of refused) {
    it(`refuse ${JSON.stringify(options)}`, () => {
      expect(() => rateLimit(options as RateLimitOptions))
        .to.throw(message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
