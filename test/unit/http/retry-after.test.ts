import { expect } from 'chai';
import { requestedDelayMs } from '../../../lib/http/retry-after.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const asked = (status: number, ...rawHeaders: string[]) =>
  requestedDelayMs({ status, statusText: '', rawHeaders }, NOW);

describe('askedDelayMs()', () => {
  it('reads seconds', () => {
    expect(asked(503, 'Retry-After', '2')).to.equal(2000);
  });

  it('reads an HTTP date, and one in the past as now', () => {
    expect(asked(503, 'retry-after', 'Mon, 23 Nov 2026 12:01:00 GMT')).to.equal(60_000);
    expect(asked(503, 'retry-after', 'Mon, 23 Nov 2026 11:00:00 GMT')).to.equal(0);
  });

  it('reads the far future in full, so that nobody comes back early', () => {
    expect(asked(503, 'retry-after', 'Fri, 31 Dec 9999 23:59:59 GMT')).to.be.above(1e14);
  });

  for (const nonsense of [
    'banana',
    '-5',
    '',
    '1e3',
    '2 seconds',
    'Mon, 99 Foo 2026 12:01:00 GMT',
    'tomorrow',
  ]) {
    it(`takes ${JSON.stringify(nonsense)} for nothing`, () => {
      expect(asked(503, 'retry-after', nonsense)).to.equal(undefined);
    });
  }

  it('waits for the reset of a limit that has nothing left, in its live shapes', () => {
    expect(asked(429, 'X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', '30')).to.equal(30_000);
    expect(asked(429, 'X-RateLimit-Reset', String(NOW / 1000 + 10))).to.equal(10_000);
    expect(asked(429, 'X-RateLimit-Reset', String(NOW + 10_000))).to.equal(10_000);
    expect(asked(429, 'RateLimit-Remaining', '0', 'RateLimit-Reset', '7')).to.equal(7000);
    expect(asked(429, 'RateLimit', '"default";r=0;t=5')).to.equal(5000);
  });

  it('does not wait for a reset while something is left, nor on an answer that is no refusal', () => {
    expect(asked(429, 'X-RateLimit-Remaining', '3', 'X-RateLimit-Reset', '30')).to.equal(undefined);
    expect(asked(500, 'X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', '30')).to.equal(undefined);
  });
});
