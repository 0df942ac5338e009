import { expect } from 'chai';
import { storedLines } from '../../../../lib/cache/policy/one-request-headers.js';

const NONE: ReadonlySet<string> = new Set();

describe('storedLines()', () => {
  for (const [what, names] of [
    ['the age that it had upstream', ['Age']],
    ['a wait that was for one client', ['Retry-After']],
    ['the time that one request has taken', ['Server-Timing']],
    ['what names one request', ['X-Request-ID', 'Request-Id', 'x-correlation-id', 'traceresponse']],
    [
      'the limits of one client',
      ['RateLimit', 'RateLimit-Policy', 'X-RateLimit-Reset', 'X-Rate-Limit-Limit'],
    ],
    ['what belongs to one connection', ['Connection', 'Transfer-Encoding', 'Trailer']],
  ] as const) {
    it(`leaves out ${what}`, () => {
      for (const name of names) {
        expect(storedLines(['ETag', '"a"', name, '1', 'X-A', '2'], NONE), name).to.deep.equal([
          'ETag',
          '"a"',
          'X-A',
          '2',
        ]);
      }
    });
  }

  for (const name of ['RateLimiter', 'Our-RateLimit', 'X-Retry-After', 'Request-Identity', 'Set-Cookie']) {
    it(`keeps ${name}`, () => {
      expect(storedLines([name, '1', name, '2'], NONE)).to.deep.equal([name, '1', name, '2']);
    });
  }

  it('leaves out what Connection names and what the policy omits', () => {
    const lines = ['Connection', 'X-Hop', 'x-hop', '1', 'X-Left', '2', 'X-Kept', '3'];
    expect(storedLines(lines, new Set(['x-left']))).to.deep.equal(['X-Kept', '3']);
  });
});
