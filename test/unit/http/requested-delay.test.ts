import { expect } from 'chai';
import { requestedDelayMs } from '../../../lib/http/advertised-limits.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const requested = (status: number, ...rawHeaders: string[]) => requestedDelayMs({ status, rawHeaders }, NOW);

describe('requestedDelayMs()', () => {
  it('reads seconds', () => {
    expect(requested(503, 'Retry-After', '2')).to.equal(2000);
    expect(requested(429, 'Retry-After', '0.48234591484069824')).to.be.closeTo(482.3, 0.1);
  });

  it('reads an HTTP date, and one in the past as now', () => {
    expect(requested(503, 'retry-after', 'Mon, 23 Nov 2026 12:01:00 GMT')).to.equal(60_002);
    expect(requested(503, 'retry-after', 'Mon, 23 Nov 2026 11:00:00 GMT')).to.equal(0);
  });

  it('reads the far future in full, so that no retry comes early', () => {
    expect(requested(503, 'retry-after', 'Fri, 31 Dec 9999 23:59:59 GMT')).to.be.above(1e14);
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
    it(`ignores ${JSON.stringify(nonsense)}`, () => {
      expect(requested(503, 'retry-after', nonsense)).to.equal(undefined);
    });
  }

  it('waits for the reset of an exhausted limit, in the forms that APIs send', () => {
    expect(requested(429, 'X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', '30')).to.equal(30_000);
    expect(requested(429, 'X-RateLimit-Reset', String(NOW / 1000 + 10))).to.equal(10_002);
    expect(requested(429, 'X-RateLimit-Reset', String(NOW + 10_000))).to.equal(10_002);
    expect(requested(429, 'RateLimit-Remaining', '0', 'RateLimit-Reset', '7')).to.equal(7000);
    expect(requested(429, 'RateLimit', '"default";r=0;t=5')).to.equal(5000);
  });

  it("reads dates and instants by the sender's clock", () => {
    for (const hours of [1, -1]) {
      const senders = NOW + hours * 3_600_000;
      const date = ['Date', new Date(senders).toUTCString()];
      const after = new Date(senders + 3000).toUTCString();
      expect(requested(503, ...date, 'Retry-After', after), `${hours} h`).to.equal(3002);
      expect(requested(429, ...date, 'X-RateLimit-Reset', String(senders / 1000 + 3))).to.equal(3002);
    }
  });

  it('takes the longest of all policies that are used up, and Retry-After among them', () => {
    const policies = ['RateLimit', '"second";r=0;t=1, "day";r=0;t=3600, "month";r=7;t=86400'];
    expect(requested(429, ...policies)).to.equal(3_600_000);
    expect(requested(429, ...policies, 'Retry-After', '2')).to.equal(3_600_000);
    expect(requested(429, ...policies, 'Retry-After', '7200')).to.equal(7_200_000);
    const x = ['X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', '60'];
    expect(requested(429, 'RateLimit', '"second";r=5;t=1', ...x)).to.equal(60_000);
    expect(requested(503, 'RateLimit-Remaining', '0', 'RateLimit-Reset', '5', ...x)).to.equal(60_000);
  });

  it('reads Retry-After of any response', () => {
    for (const status of [403, 413, 500, 502, 529])
      expect(requested(status, 'Retry-After', '2'), String(status)).to.equal(2000);
  });

  it('does not wait for a reset while something is left, or on a response that is not a refusal', () => {
    expect(requested(429, 'X-RateLimit-Remaining', '3', 'X-RateLimit-Reset', '30')).to.equal(undefined);
    expect(requested(500, 'X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', '30')).to.equal(undefined);
  });
});
