import { expect } from 'chai';
import { isItemList, isTimingList } from '../../../lib/explain/readable-list.js';

describe('isTimingList()', () => {
  for (const line of [
    'db',
    'db;dur=53, app;dur=47.2',
    'cache;desc="Cache \\"Read\\"";dur=23.2',
    'a ; dur = 1 ; desc=x,b',
    'edge;x-flag',
    '"#$%&\'*'.replace('"', '!'),
    'a;desc="caf\u00e9"',
  ]) {
    it(`reads ${line}`, () => expect(isTimingList(line)).to.equal(true));
  }

  for (const line of [
    '',
    ';dur=1',
    'a;desc="open',
    'a b',
    'a;',
    'a;desc="x"y',
    'a,,b',
    '\u00e9',
    'a;desc="\\',
  ]) {
    it(`does not read ${JSON.stringify(line)}`, () => expect(isTimingList(line)).to.equal(false));
  }
});

describe('isItemList()', () => {
  for (const line of [
    'proxy',
    'proxy; error=dns_error; details="a \\"b\\"", "Other Proxy"; received-status=502',
    'OriginCache; hit; ttl=1100, "CDN Company Here"; hit; ttl=-545',
    'a;b;c=?1;d=:aGk=:;e=1.5;f=@1659578233',
    '*x/y:z',
  ]) {
    it(`reads ${line}`, () => expect(isItemList(line)).to.equal(true));
  }

  for (const line of [
    '',
    'a,',
    'a; details="open',
    'a; Upper=1',
    'a b',
    '"\\n"',
    'a; x=',
    '(a b)',
    '\u00e9',
  ]) {
    it(`does not read ${JSON.stringify(line)}`, () => expect(isItemList(line)).to.equal(false));
  }
});

describe('readable lists', () => {
  it('are recognized in time, however long the line', () => {
    const hostile = [
      'a'.repeat(60_000),
      'a;b='.repeat(15_000),
      ' ,'.repeat(30_000),
      'a;desc="\\"'.repeat(6000),
    ];
    for (const line of hostile) {
      expect([isTimingList(`${line}\u0000`), isItemList(`${line}\u0000`)]).to.deep.equal([false, false]);
    }
  });
});
