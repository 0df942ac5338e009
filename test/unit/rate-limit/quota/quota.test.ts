import { expect } from 'chai';
import { Quota, type QuotaTier, type Token } from '../../../../lib/rate-limit/quota/quota.js';
import { onCleanup } from '../../../support/cleanup.js';

const clock = () => performance.timeOrigin + performance.now();
const MINUTE = 60_000;

function quotaOf(limits: Omit<QuotaTier, 'shared'>[], maxKeys = 1000): Quota {
  const quota = new Quota(
    limits.map((limit) => ({ ...limit, shared: undefined })),
    maxKeys,
    clock,
  );
  onCleanup(() => quota.close());
  return quota;
}

async function taken(quota: Quota, times: number, key = ''): Promise<Token[]> {
  const tokens: Token[] = [];
  for (let i = 0; i < times; i++) {
    const token = await quota.take(key);
    if ('key' in token) tokens.push(token);
  }
  return tokens;
}

describe('Quota', () => {
  it('gives as many tokens as the limit allows, and then says when there will be more', async () => {
    const quota = quotaOf([{ limit: 3, windowMs: MINUTE }]);
    expect(await taken(quota, 10)).to.have.length(3);
    const refusal = await quota.take('');
    expect(refusal).to.include({ by: 'quota', limit: 3, windowMs: MINUTE });
    expect('waitMs' in refusal && refusal.waitMs).to.be.within(1, MINUTE);
  });

  it('keeps the quotas of keys apart', async () => {
    const quota = quotaOf([{ limit: 2, windowMs: MINUTE }]);
    expect(await taken(quota, 5, 'a')).to.have.length(2);
    expect(await taken(quota, 5, 'b')).to.have.length(2);
  });

  it('hands out a returned token again, however many calls were refused in the meantime', async () => {
    const quota = quotaOf([{ limit: 2, windowMs: MINUTE }]);
    const [token] = await taken(quota, 50);
    if (token) quota.giveBack(token);
    expect(await taken(quota, 5)).to.have.length(1);
  });

  it('gives nothing back to a window that has ended', async () => {
    const quota = quotaOf([{ limit: 1, windowMs: 30 }]);
    const [token] = await taken(quota, 1);
    if (!token) throw new Error('There is no token');
    while (clock() < (token.shares[0]?.endsAt ?? 0)) await new Promise((resolve) => setTimeout(resolve, 5));
    quota.giveBack(token);
    // The next window is as short: both takes are to be in it.
    const [one, other] = await Promise.all([quota.take(''), quota.take('')]);
    expect([one && 'key' in one, other && 'key' in other]).to.deep.equal([true, false]);
  });

  it('takes from the burst when the limit is used up, and returns each token to where it came from', async () => {
    const quota = quotaOf([
      { limit: 2, windowMs: 1000 },
      { limit: 3, windowMs: MINUTE },
    ]);
    const tokens = await taken(quota, 10);
    expect(tokens).to.have.length(5);
    const [first, last] = [tokens[0], tokens[4]];
    expect(first?.shares[0]?.from).to.not.equal(last?.shares[0]?.from);
    if (last) quota.giveBack(last);
    const [again, none] = await taken(quota, 2);
    expect(again?.shares[0]?.from).to.equal(last?.shares[0]?.from);
    expect(none).to.equal(undefined);
  });

  it('keeps maxKeys keys at most, and forgets the one that was unused for longest', async () => {
    const quota = quotaOf([{ limit: 1, windowMs: MINUTE }], 3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) await quota.take(key);
    expect(await taken(quota, 1, 'a')).to.have.length(0);
    expect(await taken(quota, 1, 'b')).to.have.length(1);
  });

  for (const algorithm of ['sliding', 'spaced'] as const)
    it(`charges nothing to a key that was forgotten: ${algorithm}`, async () => {
      const quota = quotaOf([{ limit: 2, windowMs: MINUTE, algorithm }], 1);
      const [token] = await taken(quota, 1, 'a');
      await taken(quota, 1, 'b');
      if (token) quota.settle(token, 100);
      expect(await taken(quota, 1, 'a')).to.have.length(1);
    });

  it('tells long keys apart without storing them', async () => {
    const quota = quotaOf([{ limit: 1, windowMs: MINUTE }]);
    const long = 'k'.repeat(100_000);
    const [token] = await taken(quota, 1, long);
    expect(token?.key.length).to.be.below(64);
    expect(await taken(quota, 1, long)).to.have.length(0);
    expect(await taken(quota, 1, `${long}.`)).to.have.length(1);
  });

  it('never makes a call wait longer than a window, whatever the wall clock does', async () => {
    const quotas = (['sliding', 'fixed'] as const).map((algorithm) =>
      quotaOf([{ limit: 1, windowMs: MINUTE, algorithm }]),
    );
    for (const quota of quotas) await quota.take('');
    const { now } = Date;
    onCleanup(() => {
      Date.now = now;
    });
    Date.now = () => now() - 3_600_000;
    for (const quota of quotas) {
      const refusal = await quota.take('');
      expect('waitMs' in refusal && refusal.waitMs).to.be.within(MINUTE - 1000, MINUTE);
    }
  });
});
