import { expect } from 'chai';
import { compareText, sortedQuery } from '../../../../lib/cache/policy/sorted-query.js';

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
    ['a', '+a'],
    ['', ''],
  ] as const) {
    it(`keeps the order of ${one} and ${other}, which a server may treat as one`, () => {
      expect(sortedQuery(`${one}=1&${other}=2`)).to.equal(`${one}=1&${other}=2`);
      expect(sortedQuery(`${other}=2&${one}=1`)).to.equal(`${other}=2&${one}=1`);
    });
  }

  it('sorts names without letter case, and those that are no list by all of their text', () => {
    expect(sortedQuery('a=1&_=2&B=3')).to.equal('_=2&a=1&B=3');
    expect(sortedQuery('[b]=1&[a]=2')).to.equal('[a]=2&[b]=1');
    expect(sortedQuery('a=1&=2')).to.equal('=2&a=1');
  });

  it('leaves a query of one parameter as it is', () => {
    expect(sortedQuery('%41+=1')).to.equal('%41+=1');
    expect(sortedQuery('')).to.equal('');
  });

  it('tolerates broken percent-encoding', () => {
    expect(sortedQuery('%zz=1&%=2&a')).to.include('%zz=1');
  });
});

describe('compareText()', () => {
  it('orders by code units, on machines of any language', () => {
    expect(['ä', 'b', 'Z', 'a', 'a'].sort(compareText)).to.deep.equal(['Z', 'a', 'a', 'b', 'ä']);
    expect(compareText('a', 'a')).to.equal(0);
  });
});
