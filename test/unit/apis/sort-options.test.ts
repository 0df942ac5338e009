import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import { sortOptions } from '../../../lib/apis/sort-options.js';

/** What the target may take at most, by what the breaker and `forward()` are given. */
function limitOf(options: Omit<ApiOptions, 'target'>): number {
  const { breaker, forward } = sortOptions('', { target: 'http://api.test', ...options });
  const limits = [breaker && (breaker.requestTimeoutMs ?? 10_000), forward.requestTimeoutMs];
  return Math.min(...limits.map((ms) => ms || Number.POSITIVE_INFINITY));
}

describe('sortOptions() and requestTimeoutMs', () => {
  it('is 10 s by default, with and without a breaker', () => {
    expect(limitOf({})).to.equal(10_000);
    expect(limitOf({ breaker: false })).to.equal(10_000);
    expect(limitOf({ requestTimeoutMs: undefined, breaker: undefined })).to.equal(10_000);
  });

  it('is what was given for the API or for its breaker, in place of any default', () => {
    expect(limitOf({ requestTimeoutMs: 300 })).to.equal(300);
    expect(limitOf({ requestTimeoutMs: 60_000 })).to.equal(60_000);
    expect(limitOf({ requestTimeoutMs: 60_000, breaker: { failureThreshold: 3 } })).to.equal(60_000);
    expect(limitOf({ requestTimeoutMs: 60_000, breaker: false })).to.equal(60_000);
    expect(limitOf({ breaker: { requestTimeoutMs: 60_000 } })).to.equal(60_000);
    expect(limitOf({ breaker: { requestTimeoutMs: 300 } })).to.equal(300);
    expect(limitOf({ requestTimeoutMs: 0, breaker: false })).to.equal(Number.POSITIVE_INFINITY);
    expect(limitOf({ requestTimeoutMs: 0 })).to.equal(10_000);
  });

  it('is the smaller one of two that were given', () => {
    expect(limitOf({ requestTimeoutMs: 300, breaker: { requestTimeoutMs: 400 } })).to.equal(300);
    expect(limitOf({ requestTimeoutMs: 400, breaker: { requestTimeoutMs: 300 } })).to.equal(300);
  });

  it('leaves the given options as they are', () => {
    const breaker = { failureThreshold: 3 };
    sortOptions('', { target: 'http://api.test', requestTimeoutMs: 300, breaker });
    expect(breaker).to.deep.equal({ failureThreshold: 3 });
  });
});
