import { expect } from 'chai';
import { parseHttpDate } from '../../../lib/http/date.js';

const NOW = Date.UTC(2026, 10, 23);
const AUGUST_2050 = Date.UTC(2050, 7, 18, 2, 1, 18);

describe('parseHttpDate()', () => {
  it('reads the three formats', () => {
    expect(parseHttpDate('Thu, 18 Aug 2050 02:01:18 GMT', NOW)).to.equal(AUGUST_2050);
    expect(parseHttpDate('Thursday, 18-Aug-50 02:01:18 GMT', NOW)).to.equal(AUGUST_2050);
    expect(parseHttpDate('Thu Aug 18 02:01:18 2050', NOW)).to.equal(AUGUST_2050);
    expect(parseHttpDate('Mon Aug  8 02:01:18 2050', NOW)).to.equal(Date.UTC(2050, 7, 8, 2, 1, 18));
  });

  it('reads day, month and zone in any letter case', () => {
    expect(parseHttpDate('THU, 18 Aug 2050 02:01:18 GMT', NOW)).to.equal(AUGUST_2050);
    expect(parseHttpDate('Thu, 18 AUG 2050 02:01:18 GMT', NOW)).to.equal(AUGUST_2050);
    expect(parseHttpDate('Thu, 18 Aug 2050 02:01:18 gMT', NOW)).to.equal(AUGUST_2050);
  });

  it('reads dates beyond 32 bits and a leap second', () => {
    expect(parseHttpDate('Sun, 21 Nov 2286 04:46:39 GMT', NOW)).to.equal(Date.UTC(2286, 10, 21, 4, 46, 39));
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW)).to.equal(Date.UTC(2017, 0, 1));
  });

  it('reads a two-digit year more than 50 years ahead as one in the past', () => {
    expect(parseHttpDate('Monday, 23-Nov-76 00:00:00 GMT', NOW)).to.equal(Date.UTC(2076, 10, 23));
    expect(parseHttpDate('Monday, 23-Nov-76 00:00:01 GMT', NOW)).to.equal(Date.UTC(1976, 10, 23, 0, 0, 1));
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW)).to.equal(Date.UTC(1994, 10, 6, 8, 49, 37));
  });

  for (const [what, text] of [
    ['another zone name', 'Thu, 18 Aug 2050 02:01:18 UTC'],
    ['another zone', 'Thu, 18 Aug 2050 02:01:18 AEST'],
    ['a two-digit year', 'Thu, 18 Aug 50 02:01:18 GMT'],
    ['a missing comma', 'Thu 18 Aug 2050 02:01:18 GMT'],
    ['several spaces', 'Thu, 18  Aug  2050 02:01:18 GMT'],
    ['dashes with a short day name', 'Thu, 18-Aug-2050 02:01:18 GMT'],
    ['dots in the time', 'Thu, 18 Aug 2050 02.01.18 GMT'],
    ['a one-digit hour', 'Thu, 18 Aug 2050 2:01:18 GMT'],
    ['a day the month does not have', 'Thu, 31 Feb 2050 02:01:18 GMT'],
    ['a day 0', 'Thu, 00 Aug 2050 02:01:18 GMT'],
    ['an hour the day does not have', 'Thu, 18 Aug 2050 24:01:18 GMT'],
    ['a number', '0'],
    ['nothing', ''],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(parseHttpDate(text, NOW)).to.equal(undefined);
    });
  }
});
