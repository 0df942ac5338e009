import { expect } from 'chai';
import { sortedQuery } from '../../../../lib/cache/policy/sorted-query.js';

describe('sortedQuery()', () => {
  it('sorts by name', () => {
    expect(sortedQuery('b=1&a=2&c')).to.equal('a=2&b=1&c');
  });

  it('keeps the order of equal names', () => {
    expect(sortedQuery('b=2&a=9&b=1')).to.equal('a=9&b=2&b=1');
  });

  for (const [one, other] of [
    ['a', '%61'],
    ['a', 'A'],
    ['a[]', 'a[0]'],
    ['a', 'a[b]'],
    ['a b', 'a+b'],
    ['a+b', 'a%20b'],
  ] as const) {
    it(`keeps the order of ${one} and ${other}, which a server may treat as one`, () => {
      expect(sortedQuery(`${one}=1&${other}=2`)).to.equal(`${one}=1&${other}=2`);
      expect(sortedQuery(`${other}=2&${one}=1`)).to.equal(`${other}=2&${one}=1`);
    });
  }

  it('tolerates broken percent-encoding', () => {
    expect(sortedQuery('%zz=1&%=2&a')).to.include('%zz=1');
  });
});
