import { expect } from 'chai';
import { YoungKeys } from '../../../../lib/cache/store/two-level-young-keys.js';

describe('YoungKeys', () => {
  it('knows a key for as long as it is young', () => {
    let now = 0;
    const young = new YoungKeys(100, () => now);
    young.add('a');
    now = 99;
    expect(young.has('a')).to.equal(true);
    young.add('b');
    now = 100;
    expect(young.has('a')).to.equal(false);
    expect(young.has('b')).to.equal(true);
    expect(young.has('c')).to.equal(false);
  });

  it('restarts for a key that is added again', () => {
    let now = 0;
    const young = new YoungKeys(100, () => now);
    young.add('a');
    young.add('b');
    now = 50;
    young.add('a');
    now = 120;
    expect([young.has('a'), young.has('b')]).to.deep.equal([true, false]);
  });

  it('holds no more than were added in that time', () => {
    let now = 0;
    const young = new YoungKeys(100, () => now);
    for (; now < 1000; now++) young.add(`key ${now}`);
    expect(young.size).to.be.at.most(101);
  });
});
