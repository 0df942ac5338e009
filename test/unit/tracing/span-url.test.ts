import { expect } from 'chai';
import { spanUrl } from '../../../lib/tracing/span-url.js';

describe('spanUrl()', () => {
  const cases: [string, string, string][] = [
    ['/users/1', '/users/1', ''],
    ['/a?b=c&d', '/a', 'b=c&d'],
    ['/a?api_key=1&apiKey=2&x=3', '/a', 'api_key=REDACTED&apiKey=REDACTED&x=3'],
    [
      '/a?access%5Ftoken=1&X-Goog-Signature=2&sig=3',
      '/a',
      'access%5Ftoken=REDACTED&X-Goog-Signature=REDACTED&sig=REDACTED',
    ],
    ['/a?key', '/a', 'key'],
    ['/a?%zz=1&password=x=y', '/a', '%zz=1&password=REDACTED'],
    ['/a?next=https://me:pw@host/', '/a', 'next=https://REDACTED@host/'],
    ['http://me:pw@host:80/a?b=1#c', '/a', 'b=1'],
    ['/a#token=1', '/a', ''],
    ['*', '*', ''],
    ['', '', ''],
  ];
  for (const [url, path, query] of cases) {
    it(`shows ${JSON.stringify(url)} as ${JSON.stringify([path, query])}`, () => {
      expect(spanUrl(url)).to.deep.equal({ path, query });
    });
  }

  it('is bounded', () => {
    const { path, query } = spanUrl(`/${'p'.repeat(60_000)}?${'q=1&'.repeat(20_000)}`);
    expect([path.length, query.length]).to.deep.equal([2048, 2048]);
  });
});
