import { expect } from 'chai';
import {
  allValues,
  endToEndHeaders,
  isToken,
  joinedValue,
  listedTokens,
  splitList,
  withoutHeaders,
} from '../../../../lib/cache/policy/headers.js';

const LINES = ['Age', '5', 'X-A', '1', 'aGE', '7', 'Vary', 'Accept, , Foo', 'vary', '*'];

describe('header look-ups', () => {
  it('returns every line of a name, duplicates too, in order', () => {
    expect(allValues(LINES, 'age')).to.deep.equal(['5', '7']);
  });

  it('joins the lines of a name to one list', () => {
    expect(joinedValue(LINES, 'age')).to.equal('5, 7');
    expect(joinedValue(LINES, 'missing')).to.equal(undefined);
  });

  it('lists tokens over all lines in lower case, without empty members', () => {
    expect(listedTokens(LINES, 'vary')).to.deep.equal(['accept', 'foo', '*']);
  });

  it('removes headers in any letter case and keeps the others unchanged', () => {
    expect(withoutHeaders(LINES, new Set(['age', 'vary']))).to.deep.equal(['X-A', '1']);
  });

  it('splits a list at commas outside quoted strings', () => {
    expect(splitList('a, b="c, \\", d" , e')).to.deep.equal(['a', 'b="c, \\", d"', 'e']);
    expect(splitList('a="b,c", d="e,f"')).to.deep.equal(['a="b,c"', 'd="e,f"']);
  });

  it('splits after a quote that is never closed', () => {
    expect(splitList('a="b, c')).to.deep.equal(['a="b', 'c']);
  });

  it('splits a long run of escaped quotes in linear time', () => {
    const value = `"${'\\"'.repeat(200_000)},a`;
    const before = process.cpuUsage();
    expect(splitList(value)).to.have.length(2);
    // Read to its end for each quote it would take minutes.
    expect(process.cpuUsage(before).user).to.be.lessThan(2_000_000);
  });

  it('recognises a token', () => {
    expect(isToken('x-foo')).to.equal(true);
    expect(isToken('x foo')).to.equal(false);
    expect(isToken('')).to.equal(false);
  });
});

describe('endToEndHeaders()', () => {
  it('drops hop-by-hop headers and those that Connection lists', () => {
    const received = ['Connection', 'a, B', 'Connection', 'c', 'A', '1', 'b', '2', 'C', '3', 'D', '4'];
    expect(endToEndHeaders(received)).to.deep.equal(['D', '4']);
  });

  for (const name of [
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authentication-Info',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
  ]) {
    it(`drops ${name}`, () => {
      expect(endToEndHeaders([name, 'x', 'ETag', '"a"'])).to.deep.equal(['ETag', '"a"']);
    });
  }

  it('keeps every other header, also several lines of one name', () => {
    const received = [
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'Content-MD5',
      'x',
      'X-Frame-Options',
      'deny',
    ];
    expect(endToEndHeaders(received)).to.deep.equal(received);
  });
});
