import { expect } from 'chai';
import fc from 'fast-check';
import type { QuotaAlgorithm } from '../../../../lib/rate-limit/quota/engine.js';
import { Quota, type Token } from '../../../../lib/rate-limit/quota/quota.js';
import { newSlots, takeSlid } from '../../../../lib/rate-limit/quota/sliding.js';
import { onCleanup } from '../../../support/cleanup.js';

function quotaOf(algorithm: QuotaAlgorithm, limit: number, windowMs: number) {
  const time = { now: 1_000_000 };
  const quota = new Quota([{ limit, windowMs, algorithm, shared: undefined }], 10, () => time.now);
  onCleanup(() => quota.close());
  return {
    time,
    quota,
    async takes(times: number, cost = 1): Promise<Token[]> {
      const tokens: Token[] = [];
      for (let i = 0; i < times; i++) {
        const token = await quota.take('', cost);
        if ('key' in token) tokens.push(token);
      }
      return tokens;
    },
  };
}

describe('a sliding window', () => {
  it('never has more than the limit, wherever it begins', () => {
    const gaps = fc.array(fc.nat(300), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20 }), (steps, limit) => {
        const slots = newSlots();
        const taken: number[] = [];
        let now = 5000;
        for (const step of steps) {
          now += step;
          if (takeSlid(slots, { limit, windowMs: 1000 }, now, 1).taken) taken.push(now);
        }
        for (const begin of taken)
          expect(taken.filter((at) => at >= begin && at < begin + 1000).length).to.be.at.most(limit);
      }),
    );
  });

  it('uses the limit up under load, but for a hundredth', () => {
    const slots = newSlots();
    let taken = 0;
    for (let now = 0; now < 10_000; now++)
      if (takeSlid(slots, { limit: 500, windowMs: 1000 }, now, 1).taken) taken++;
    expect(taken).to.be.within(4900, 5000);
  });

  it('says when there will be enough', async () => {
    const { time, quota, takes } = quotaOf('sliding', 10, 4000);
    await takes(1);
    time.now += 2500;
    expect(await takes(20)).to.have.length(9);
    expect(await quota.take('')).to.include({ by: 'quota', waitMs: 1500 });
    expect(await quota.take('', 3)).to.include({ by: 'quota', waitMs: 4000 });
    time.now += 1500;
    expect(await takes(5)).to.have.length(1);
  });
});

describe('calls that are spaced', () => {
  it('go one after another', async () => {
    const { time, quota, takes } = quotaOf('spaced', 10, 1000);
    expect(await takes(3)).to.have.length(1);
    expect(await quota.take('')).to.include({ by: 'quota', waitMs: 100 });
    time.now += 100;
    expect(await takes(3)).to.have.length(1);
    time.now += 5000;
    expect(await takes(3)).to.have.length(1);
  });

  it('wait as long as they cost', async () => {
    const { time, quota, takes } = quotaOf('spaced', 10, 1000);
    expect(await takes(1, 4)).to.have.length(1);
    time.now += 399;
    expect(await quota.take('')).to.include({ by: 'quota', waitMs: 1 });
  });

  it('free their time when they are given back', async () => {
    const { quota, takes } = quotaOf('spaced', 10, 1000);
    const [token] = await takes(1);
    if (token) quota.giveBack(token);
    expect(await takes(2)).to.have.length(1);
  });
});

describe('a fixed window', () => {
  it('takes what calls cost', async () => {
    const { takes } = quotaOf('fixed', 10, 60_000);
    expect(await takes(5, 4)).to.have.length(2);
    expect(await takes(5, 2)).to.have.length(1);
  });
});

describe('several limits', () => {
  it('hold all at once, and one that refuses takes nothing from the others', async () => {
    const quota = new Quota([{ limit: 5, windowMs: 1000, shared: undefined }], 10, () => 0, [
      { limit: 100, windowMs: 86_400_000, shared: undefined },
      { limit: 4, windowMs: 60_000, perCall: true, shared: undefined },
    ]);
    onCleanup(() => quota.close());
    expect(await quota.take('', 5)).to.have.property('key');
    expect(await quota.take('', 1)).to.include({ by: 'quota', limit: 5, windowMs: 1000 });
    const other = new Quota([], 10, () => 0, [
      { limit: 100, windowMs: 1000, shared: undefined },
      { limit: 10, windowMs: 60_000, shared: undefined },
    ]);
    onCleanup(() => other.close());
    expect(await other.take('', 8)).to.have.property('key');
    expect(await other.take('', 8)).to.include({ limit: 10 });
    expect(await other.take('', 2)).to.have.property('key');
  });

  it('let a call that costs more than all of a limit take all of it', async () => {
    const { takes } = quotaOf('sliding', 10, 1000);
    expect(await takes(2, 50)).to.have.length(1);
  });
});
