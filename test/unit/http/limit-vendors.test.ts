import { expect } from 'chai';
import { forbidsRetry, readLimits, requestedDelayMs } from '../../../lib/http/advertised-limits.js';
import { VENDOR_LIMITS } from '../../../lib/http/limit-vendors.js';
import { EXAMPLES, NOW, REFUSALS } from './vendor-examples.js';

const flat = (headers: string) =>
  headers.split('\n').flatMap((line) => {
    const [name = '', ...value] = line.trim().split(': ');
    return [name, value.join(': ')];
  });

describe('readLimits() and the headers of vendors', () => {
  for (const [vendor, headers, windows] of EXAMPLES)
    it(`reads the documented example of ${vendor}`, () => {
      const found = readLimits(200, flat(headers), () => NOW)?.windows ?? [];
      expect(
        found.map(({ name, remaining, limit, waitMs, windowMs }) => [
          name,
          remaining,
          limit,
          waitMs,
          windowMs,
        ]),
      ).to.deep.equal(windows.map((row) => Array.from({ length: 5 }, (_, at) => row[at])));
    });

  it('have an example for each row of the table', () => {
    const tested = new Set(EXAMPLES.map(([vendor]) => vendor));
    expect(VENDOR_LIMITS.map(({ vendor }) => vendor).filter((vendor) => !tested.has(vendor))).to.deep.equal(
      [],
    );
    for (const { source } of VENDOR_LIMITS) expect(source).to.match(/^https:\/\//);
  });

  it('know which limits count tokens, and which fill up all the time', () => {
    const [, headers = ''] = EXAMPLES[0] ?? [];
    const found = readLimits(200, flat(headers), () => NOW)?.windows ?? [];
    expect(found.map(({ unit, refills }) => [unit, refills])).to.deep.equal([
      [undefined, true],
      ['tokens', true],
    ]);
  });

  for (const reset of ['6m', '1e3s', '5 s', 's', 'ms', '2024-01-27', '2024-01-27T25:00:00Z', '-1s', '1s2m'])
    it(`take ${JSON.stringify(reset)} for no reset, or one that can be read`, () => {
      const headers = ['X-RateLimit-Remaining', '1', 'X-RateLimit-Reset', reset];
      expect(readLimits(200, headers, () => NOW)?.waitMs).to.equal(reset === '6m' ? 360_000 : undefined);
    });
});

describe('requestedDelayMs() and the headers of vendors', () => {
  for (const name of ['retry-after-ms', 'X-MS-Retry-After-MS'])
    it(`takes ${name} before Retry-After`, () => {
      const rawHeaders = ['Retry-After', '2', name, '1234'];
      expect(requestedDelayMs({ status: 429, rawHeaders }, NOW)).to.equal(1234);
      expect(readLimits(429, rawHeaders, () => NOW)).to.include({ refused: true, waitMs: 1234 });
    });
});

describe('readLimits() and the 429 of vendors', () => {
  for (const [vendor, headers, waitMs, everywhere] of REFUSALS)
    it(`reads ${headers.replaceAll('\n', ', ')} of ${vendor}`, () => {
      expect(readLimits(429, flat(headers), () => NOW)).to.include({ refused: true, waitMs, everywhere });
    });
});

describe('forbidsRetry()', () => {
  it('is what OpenAI and Stripe say', () => {
    expect(forbidsRetry(['X-Should-Retry', 'false'])).to.equal(true);
    expect(forbidsRetry(['Stripe-Should-Retry', 'false'])).to.equal(true);
    expect(forbidsRetry(['X-Should-Retry', 'true'])).to.equal(false);
    expect(forbidsRetry(['X-Other', 'false'])).to.equal(false);
  });
});
