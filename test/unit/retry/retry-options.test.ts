import { expect } from 'chai';
import { resolveOptions } from '../../../lib/core/options.js';
import { type RetryOptions, retrySchema } from '../../../lib/retry/retry-options.js';

const resolve = (options: RetryOptions) => resolveOptions(retrySchema, options, 'retry');

describe('RetryOptions', () => {
  it('have these defaults', () => {
    expect(resolve({})).to.deep.equal({
      maxAttempts: 3,
      initialDelayMs: 1000,
      maxDelayMs: 10_000,
      backoffFactor: 2,
      totalTimeoutMs: 30_000,
      retryOnStatus: [500, 502, 503, 504, 429],
      retryRateLimited: false,
      retryOnErrors: ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found'],
      methods: ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'],
      maxBodyBytes: 1_048_576,
      budgetRatio: 0.2,
      idempotencyKey: false,
    });
  });

  it('have these defaults for a key', () => {
    expect(resolve({ idempotencyKey: {} }).idempotencyKey).to.deep.equal({
      header: 'Idempotency-Key',
      methods: ['POST', 'PATCH'],
      quoted: false,
    });
    expect(resolve({ idempotencyKey: true }).idempotencyKey).to.equal(true);
  });

  const TAKEN: RetryOptions[] = [
    { maxAttempts: 1 },
    { maxAttempts: 100 },
    { backoffFactor: 1 },
    { backoffFactor: 100 },
    { retryOnStatus: [400, 599] },
    { retryOnStatus: 'transient' },
    { retryRateLimited: true },
    { failureWhen: { json: '/errors' } },
    { failureWhen: [{ json: '/error/code', equals: 'x', retry: false }, () => 'stop'] },
    { retryOnErrors: ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found'] },
    { methods: ['POST'] },
    { budgetRatio: 0 },
    { budgetRatio: 1 },
    { budgetRatio: false },
    ...[
      'Request-Id',
      'X-Host',
      'Hosts',
      'Content',
      'X-Content-Key',
      'Proxy',
      'My-Via',
      'Content-',
      'Proxy-',
    ].map((header) => ({ idempotencyKey: { header } })),
    { idempotencyKey: { methods: ['POST', 'PUT', 'PATCH'], quoted: true } },
  ];
  for (const options of TAKEN) {
    it(`take ${JSON.stringify(options)}`, () => {
      expect(resolve(options)).to.deep.include(
        typeof options.idempotencyKey === 'object' ? {} : (options as object),
      );
      if (typeof options.idempotencyKey === 'object') {
        expect(resolve(options).idempotencyKey).to.deep.include(options.idempotencyKey);
      }
    });
  }

  const NO_METHOD = 'must be a method in capitals, as POST';
  const NO_KEY = 'must be true, false or an object of options';
  const NO_RULE = 'must be an object such as { json: "/errors" }, a function, or a list of them';
  const REFUSED: [options: object, message: string][] = [
    [{ failureWhen: '/errors' }, `retry.failureWhen ${NO_RULE}`],
    [{ failureWhen: [] }, 'retry.failureWhen must be at least 1 entries; received an array of 0'],
    [{ failureWhen: { json: 'errors' } }, 'retry.failureWhen.json must be a JSON Pointer, as /errors'],
    [
      { failureWhen: { json: '/a', equls: 1 } },
      'retry.failureWhen.equls is not an option of retry.failureWhen',
    ],
    [{ maxAttempts: 101 }, 'retry.maxAttempts must be at most 100'],
    [{ backoffFactor: 0.9 }, 'retry.backoffFactor must be at least 1'],
    [{ backoffFactor: 101 }, 'retry.backoffFactor must be at most 100'],
    [{ retryOnStatus: [399] }, 'retry.retryOnStatus[0] must be at least 400'],
    [{ retryOnStatus: [600] }, 'retry.retryOnStatus[0] must be at most 599'],
    [
      { retryOnStatus: 'all' },
      "retry.retryOnStatus must be a list of statuses from 400 to 599, or 'transient'",
    ],
    [{ retryRateLimited: 1 }, 'retry.retryRateLimited must be a boolean'],
    [{ retryOnErrors: ['tls'] }, 'retry.retryOnErrors[0]'],
    [{ methods: ['post'] }, NO_METHOD],
    [{ methods: ['POST '] }, NO_METHOD],
    [{ methods: [' POST'] }, NO_METHOD],
    [{ budgetRatio: -0.1 }, 'retry.budgetRatio'],
    [{ budgetRatio: 1.1 }, 'retry.budgetRatio'],
    [{ budgetRatio: true }, 'retry.budgetRatio'],
    [{ idempotencyKey: 'yes' }, `retry.idempotencyKey ${NO_KEY}`],
    [{ idempotencyKey: { methods: [] } }, 'retry.idempotencyKey.methods'],
    [{ idempotencyKey: { heder: 'X' } }, 'heder'],
    ...['Host', 'CONTENT-TYPE', 'Proxy-Authorization', 'cookie', 'Via', 'te'].map(
      (header): [object, string] => [
        { idempotencyKey: { header } },
        'retry.idempotencyKey.header must be a header with no other meaning',
      ],
    ),
  ];
  for (const [options, message] of REFUSED) {
    it(`refuse ${JSON.stringify(options)}`, () => {
      expect(() => resolve(options)).to.throw(message);
    });
  }
});
