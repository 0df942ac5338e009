import { expect } from 'chai';
import { PendingWrites } from '../../../../../lib/cache/store/redis/pending.js';

const under = (tags: string[] = []) => ({ api: '{p:a}:', tags, keepUntil: 0 });

describe('PendingWrites', () => {
  it('returns a write until it is done', () => {
    const pending = new PendingWrites(10);
    const first: never[] = [];
    const second: never[] = [];
    const firstDone = pending.begin('k', first, under(), 1);
    const secondDone = pending.begin('k', second, under(), 1);
    firstDone?.();
    expect(pending.get('k')).to.equal(second);
    secondDone?.();
    expect(pending.get('k')).to.equal(undefined);
    expect(pending.bytes).to.equal(0);
  });

  it('accepts no more than its limit', () => {
    const pending = new PendingWrites(10);
    const done = pending.begin('a', [], under(), 10);
    expect(pending.begin('b', [], under(), 1)).to.equal(undefined);
    expect(pending.get('b')).to.equal(undefined);
    pending.purge({ key: 'a' });
    expect(pending.begin('b', [], under(), 1), 'it is still on its way').to.equal(undefined);
    done?.();
    expect(pending.begin('b', [], under(), 1)).to.be.a('function');
  });

  it('forgets what is purged, and no other', () => {
    const pending = new PendingWrites(100);
    const names = ['{p:a}:/a:', '{p:a}:/b:', '{p:a}:/c:', '{p:a}:/d:'];
    for (const [index, key] of names.entries()) pending.begin(key, [], under(index === 2 ? ['t'] : []), 1);
    pending.purge({ key: '{p:a}:/a:' });
    pending.purge({ prefix: '{p:a}:/b' });
    pending.purge({ api: '{p:b}:', tag: 't' });
    expect(pending.size).to.equal(2);
    pending.purge({ api: '{p:a}:', tag: 't' });
    expect(names.filter((key) => pending.get(key))).to.deep.equal(['{p:a}:/d:']);
  });
});
