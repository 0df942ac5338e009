import { expect } from 'chai';
import { RetryPauses } from '../../../../lib/cache/policy/retry-pauses.js';

describe('RetryPauses', () => {
  const paused = (value: string | undefined, at: number): boolean => {
    const pauses = new RetryPauses();
    pauses.learn('a', 429, value === undefined ? [] : ['Retry-After', value], 0);
    return pauses.isPaused('a', at);
  };

  it('pauses until the time in seconds or as a date', () => {
    expect([paused('10', 9999), paused('10', 10_000)]).to.deep.equal([true, false]);
    const date = new Date(20_000).toUTCString();
    expect([paused(date, 19_999), paused(date, 20_000)]).to.deep.equal([true, false]);
  });

  it('does not pause without a time, or with one that cannot be read', () => {
    for (const value of [undefined, 'soon', '-1', '']) expect(paused(value, 1), value).to.equal(false);
  });

  it('pauses for an hour at most', () => {
    expect([paused('999999', 3_599_999), paused('999999', 3_600_000)]).to.deep.equal([true, false]);
  });

  it('pauses each key on its own, for a 429 and a 503', () => {
    const pauses = new RetryPauses();
    pauses.learn('a', 429, ['retry-after', '10'], 0);
    pauses.learn('b', 503, ['retry-after', '10'], 0);
    pauses.learn('c', 500, ['retry-after', '10'], 0);
    expect(['a', 'b', 'c', 'd'].map((key) => pauses.isPaused(key, 1))).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('ends with a success for the key, and not with another failure', () => {
    const pauses = new RetryPauses();
    for (const key of ['a', 'b']) pauses.learn(key, 429, ['retry-after', '10'], 0);
    pauses.learn('a', 200, [], 1);
    pauses.learn('b', 500, [], 1);
    expect(['a', 'b'].map((key) => pauses.isPaused(key, 2))).to.deep.equal([false, true]);
  });
});
