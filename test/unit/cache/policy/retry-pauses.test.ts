import { expect } from 'chai';
import { RetryPauses } from '../../../../lib/cache/policy/retry-pauses.js';

const refusal = (...rawHeaders: string[]) => ({ status: 503, rawHeaders });

describe('RetryPauses', () => {
  const paused = (value: string | undefined, at: number): boolean => {
    const pauses = new RetryPauses();
    pauses.learn('a', refusal(...(value === undefined ? [] : ['Retry-After', value])), 0);
    return pauses.isPaused('a', at, 0);
  };

  it('pauses until the time in seconds or as a date', () => {
    expect([paused('10', 9999), paused('10', 10_000)]).to.deep.equal([true, false]);
    const date = new Date(20_000).toUTCString();
    expect([paused(date, 19_999), paused(date, 20_002)]).to.deep.equal([true, false]);
  });

  it("takes dates by the upstream's own clock, and resets of limits that are used up", () => {
    const pauses = new RetryPauses();
    const upstreamNow = 3_600_000;
    const date = new Date(upstreamNow).toUTCString();
    pauses.learn('a', refusal('Date', date, 'Retry-After', new Date(upstreamNow + 20_000).toUTCString()), 0);
    pauses.learn('b', refusal('RateLimit', '"day";r=0;t=30, "second";r=0;t=1'), 0);
    expect([19_999, 20_002].map((at) => pauses.isPaused('a', at, 0))).to.deep.equal([true, false]);
    expect([29_999, 30_000].map((at) => pauses.isPaused('b', at, 0))).to.deep.equal([true, false]);
  });

  it('does not pause without a time, or with one that cannot be read', () => {
    for (const value of [undefined, 'soon', '-1', '']) expect(paused(value, 1), value).to.equal(false);
  });

  it('pauses for an hour at most', () => {
    expect([paused('999999', 3_599_999), paused('999999', 3_600_000)]).to.deep.equal([true, false]);
  });

  it('pauses each key on its own, for a 429 and a 503', () => {
    const pauses = new RetryPauses();
    for (const [key, status] of [
      ['a', 429],
      ['b', 503],
      ['c', 500],
    ] as const)
      pauses.learn(key, { ...refusal('retry-after', '10'), status }, 0);
    expect(['a', 'b', 'c', 'd'].map((key) => pauses.isPaused(key, 1, 0))).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('ends with a success for the key, and not with another failure', () => {
    const pauses = new RetryPauses();
    for (const key of ['a', 'b']) pauses.learn(key, refusal('retry-after', '10'), 0);
    pauses.learn('a', { status: 200, rawHeaders: [] }, 1);
    pauses.learn('b', { status: 500, rawHeaders: [] }, 1);
    pauses.learn('b', { status: 400, rawHeaders: [] }, 1);
    pauses.learn('b', refusal(), 1);
    expect(['a', 'b'].map((key) => pauses.isPaused(key, 2, 0))).to.deep.equal([false, true]);
  });

  it('ends with what arrived after it, through another process', () => {
    const pauses = new RetryPauses();
    for (const key of ['a', 'b']) pauses.learn(key, refusal('retry-after', '10'), 5);
    expect(pauses.isPaused('a', 8, 5)).to.equal(true);
    expect(pauses.isPaused('a', 8, 6)).to.equal(false);
    expect(pauses.isPaused('a', 8, 5)).to.equal(false);
    expect(pauses.isPaused('b', 8, 5)).to.equal(true);
  });

  it('remembers ten thousand keys, and forgets the one that was told longest ago', () => {
    const pauses = new RetryPauses();
    pauses.learn('first', refusal('retry-after', '10'), 0);
    pauses.learn('again', refusal('retry-after', '10'), 0);
    for (let i = 2; i < 10_000; i++) pauses.learn(String(i), refusal('retry-after', '10'), 0);
    pauses.learn('again', refusal('retry-after', '10'), 0);
    expect(['first', 'again', '2'].map((key) => pauses.isPaused(key, 1, 0))).to.deep.equal([
      true,
      true,
      true,
    ]);
    pauses.learn('one more', refusal('retry-after', '10'), 0);
    expect(['first', 'again', '2'].map((key) => pauses.isPaused(key, 1, 0))).to.deep.equal([
      false,
      true,
      true,
    ]);
  });
});
