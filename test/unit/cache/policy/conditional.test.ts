import { expect } from 'chai';
import {
  isNotModified,
  notModifiedHeaders,
  revalidationHeaders,
} from '../../../../lib/cache/policy/conditional.js';
import { headerValue } from '../../../../lib/http/headers.js';
import { date, NOW, stored } from './stored-entry.js';

const FRESH = { 'Cache-Control': 'max-age=100000' };
const TAGGED = stored({ ...FRESH, ETag: '"abcdef"', 'Last-Modified': date(-5000) });
const WEAK = stored({ ...FRESH, ETag: 'W/"abcdef"' });
const DATED = stored({ ...FRESH, 'Last-Modified': date(-3000) });

/** Whether these request headers get a 304. */
function isAnswered304(meta: typeof TAGGED, ...headers: string[]): boolean {
  return isNotModified(meta, headers, NOW);
}

describe('isNotModified()', () => {
  for (const value of [
    '"abcdef"',
    'W/"abcdef"',
    '"abcdef", "1234", "5678"',
    '"1234", "abcdef", "5678"',
    '"1234","5678","abcdef"',
    '"a,b", W/"abcdef"',
    '*',
    ' * ',
  ]) {
    it(`makes a 304 of If-None-Match: ${value}`, () => {
      expect(isAnswered304(TAGGED, 'If-None-Match', value)).to.equal(true);
      expect(isAnswered304(WEAK, 'If-None-Match', value)).to.equal(true);
    });
  }

  it('reads If-None-Match over several lines', () => {
    expect(isAnswered304(TAGGED, 'If-None-Match', '"1"', 'if-none-match', '"abcdef"')).to.equal(true);
  });

  for (const value of ['"abc"', '"ABCDEF"', 'abcdef', '"x", "y"', '']) {
    it(`sends the complete response for If-None-Match: ${JSON.stringify(value)}`, () => {
      expect(isAnswered304(TAGGED, 'If-None-Match', value)).to.equal(false);
    });
  }

  it('compares tags that are written wrongly as text', () => {
    const meta = stored({ ...FRESH, ETag: 'W\\"abcdef"' });
    expect(isAnswered304(meta, 'If-None-Match', 'W\\"abcdef"')).to.equal(true);
  });

  it('compares tags with bytes beyond ASCII', () => {
    const meta = stored({ ...FRESH, ETag: '"abcdef\u00fc"' });
    expect(isAnswered304(meta, 'If-None-Match', '"x", "abcdef\u00fc"')).to.equal(true);
  });

  it('lets If-None-Match win over If-Modified-Since, either way', () => {
    const since = (seconds: number) => ['If-Modified-Since', date(seconds)];
    expect(isAnswered304(TAGGED, 'If-None-Match', '"abcdef"', ...since(-10_000))).to.equal(true);
    expect(isAnswered304(TAGGED, 'If-None-Match', '"other"', ...since(0))).to.equal(false);
    expect(isAnswered304(DATED, 'If-None-Match', '"other"', ...since(0))).to.equal(false);
  });

  it('makes a 304 of If-Modified-Since where nothing changed after it', () => {
    expect(isAnswered304(DATED, 'If-Modified-Since', date(-3000))).to.equal(true);
    expect(isAnswered304(DATED, 'If-Modified-Since', date(-2000))).to.equal(true);
    expect(isAnswered304(DATED, 'If-Modified-Since', date(-3001))).to.equal(false);
  });

  it('reads If-Modified-Since in an obsolete format', () => {
    const meta = stored({ ...FRESH, 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT' });
    expect(isAnswered304(meta, 'If-Modified-Since', 'Sunday, 06-Nov-94 08:49:37 GMT')).to.equal(true);
  });

  it('sends the complete response for an If-Modified-Since that is not a date, or without a Last-Modified', () => {
    expect(isAnswered304(DATED, 'If-Modified-Since', 'yesterday')).to.equal(false);
    expect(isAnswered304(WEAK, 'If-Modified-Since', date(0))).to.equal(false);
    expect(isAnswered304(WEAK, 'If-Modified-Since', 'yesterday')).to.equal(false);
  });

  it('makes a 304 of any tag only where it is *', () => {
    expect(isAnswered304(DATED, 'If-None-Match', '*')).to.equal(true);
    expect(isAnswered304(DATED, 'If-None-Match', '"abcdef"')).to.equal(false);
  });

  it('makes no 304 of anything but 2xx', () => {
    for (const [status, answered] of [
      [200, true],
      [299, true],
      [300, false],
      [404, false],
    ] as const) {
      const meta = stored({ ...FRESH, ETag: '"abcdef"' }, { status });
      expect(isAnswered304(meta, 'If-None-Match', '*'), String(status)).to.equal(answered);
    }
  });

  it('makes no 304 of a request without a condition', () => {
    expect(isAnswered304(TAGGED, 'Accept', '*/*')).to.equal(false);
  });
});

describe('notModifiedHeaders()', () => {
  it('keeps the tag and all headers but those about content', () => {
    const meta = stored({ ...FRESH, ETag: '"a"', 'Content-Type': 'text/plain', Vary: 'Foo', 'X-A': '1' });
    const coded = ['Content-Encoding', 'br', 'Content-Language', 'de', 'Content-Range', 'bytes 0-1/2'];
    expect(notModifiedHeaders(coded)).to.deep.equal([]);
    const headers = notModifiedHeaders(meta.rawHeaders);
    for (const name of ['etag', 'date', 'cache-control', 'vary', 'x-a']) {
      expect(headerValue(headers, name), name).to.be.a('string');
    }
    expect(headerValue(headers, 'content-length')).to.equal(undefined);
    expect(headerValue(headers, 'content-type')).to.equal(undefined);
  });
});

describe('revalidationHeaders()', () => {
  it('sends the stored validators, the tag as it was received', () => {
    const headers = revalidationHeaders(TAGGED, ['Accept', 'x']);
    expect(headers).to.deep.equal([
      'Accept',
      'x',
      'If-None-Match',
      '"abcdef"',
      'If-Modified-Since',
      date(-5000),
    ]);
    expect(headerValue(revalidationHeaders(WEAK, []), 'if-none-match')).to.equal('W/"abcdef"');
    expect(headerValue(revalidationHeaders(DATED, []), 'if-modified-since')).to.equal(date(-3000));
  });

  it('carries the request headers that the response varies on', () => {
    expect(headerValue(revalidationHeaders(TAGGED, ['Abc', '123']), 'abc')).to.equal('123');
  });

  it('omits the range and the conditions of the client', () => {
    const client = ['If-None-Match', '"mine"', 'Range', 'bytes=0-1', 'If-Range', '"mine"', 'If-Match', '*'];
    client.push('If-Modified-Since', date(0), 'If-Unmodified-Since', date(0));
    expect(revalidationHeaders(WEAK, client)).to.deep.equal(['If-None-Match', 'W/"abcdef"']);
  });

  it('sends no condition where there is no validator', () => {
    expect(revalidationHeaders(stored(FRESH), ['If-None-Match', '"mine"'])).to.deep.equal([]);
    expect(revalidationHeaders(DATED, [])).to.deep.equal(['If-Modified-Since', date(-3000)]);
  });

  it('sends no condition of a date that is none, and none at all for a status that no 304 confirms', () => {
    const undated = stored({ ...FRESH, ETag: '"a"', 'Last-Modified': 'yesterday' });
    expect(revalidationHeaders(undated, [])).to.deep.equal(['If-None-Match', '"a"']);
    const missing = stored({ ...FRESH, ETag: '"a"', 'Last-Modified': date(-9) }, { status: 404 });
    expect(revalidationHeaders(missing, ['A', '1'])).to.deep.equal(['A', '1']);
  });
});
