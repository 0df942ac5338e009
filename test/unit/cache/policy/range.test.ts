import { expect } from 'chai';
import { rangeResponse } from '../../../../lib/cache/policy/range.js';
import { headerValue } from '../../../../lib/http/headers.js';
import { date, NOW, stored } from './stored-entry.js';

/** A stored body of ten bytes. */
const META = stored({
  'Cache-Control': 'max-age=3600',
  ETag: '"a"',
  'Last-Modified': date(-100),
  'Content-Range': 'junk',
  A: '1',
});

function ranged(...headers: string[]) {
  return rangeResponse(META, headers, NOW);
}

describe('rangeResponse()', () => {
  for (const [range, start, end] of [
    ['bytes=0-1', 0, 2],
    ['bytes=1-', 1, 10],
    ['bytes=-1', 9, 10],
    ['bytes=-99', 0, 10],
    ['bytes=9-99', 9, 10],
    ['Bytes=0-0', 0, 1],
    ['bytes= 0-0 ', 0, 1],
    ['bytes=5-5', 5, 6],
    [`bytes=0-${'9'.repeat(30)}`, 0, 10],
  ] as const) {
    it(`sends bytes ${start} to ${end - 1} for ${range.slice(0, 20)}`, () => {
      const sent = ranged('Range', range);
      expect(sent).to.include({ status: 206, start, end });
      expect(headerValue(sent?.rawHeaders ?? [], 'content-range')).to.equal(`bytes ${start}-${end - 1}/10`);
      expect(headerValue(sent?.rawHeaders ?? [], 'content-length')).to.equal(String(end - start));
    });
  }

  it('keeps the other stored headers', () => {
    const headers = ranged('Range', 'bytes=0-1')?.rawHeaders ?? [];
    expect(headerValue(headers, 'a')).to.equal('1');
    expect(headerValue(headers, 'etag')).to.equal('"a"');
  });

  for (const range of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) {
    it(`is a 416 for ${range}`, () => {
      const refused = ranged('Range', range);
      expect(refused?.status).to.equal(416);
      expect(headerValue(refused?.rawHeaders ?? [], 'content-range')).to.equal('bytes */10');
      expect(headerValue(refused?.rawHeaders ?? [], 'content-length')).to.equal('0');
    });
  }

  for (const range of [
    'bytes=0-1,3-4',
    'bytes=2-1',
    'bytes=-',
    'bytes=a-b',
    'lines=0-1',
    'kilobytes=0-1',
    'bytes 0-1',
    '',
  ]) {
    it(`sends the complete body for ${JSON.stringify(range)}`, () => {
      expect(ranged('Range', range)).to.equal(undefined);
    });
  }

  it('sends the complete body for two Range lines and for none', () => {
    expect(ranged('Range', 'bytes=0-1', 'Range', 'bytes=2-3')).to.equal(undefined);
    expect(ranged()).to.equal(undefined);
    expect(ranged('If-Range', '"a"')).to.equal(undefined);
  });

  it('sends the complete body of anything but a 200', () => {
    const notFound = stored({ 'Cache-Control': 'max-age=3600' }, { status: 404 });
    expect(rangeResponse(notFound, ['Range', 'bytes=0-1'], NOW)).to.equal(undefined);
  });

  it('sends the range where If-Range has the strong tag or the exact date', () => {
    expect(ranged('Range', 'bytes=0-1', 'If-Range', '"a"')?.status).to.equal(206);
    expect(ranged('Range', 'bytes=0-1', 'If-Range', ' "a" ')?.status).to.equal(206);
    expect(ranged('Range', 'bytes=0-1', 'If-Range', date(-100))?.status).to.equal(206);
  });

  it('sends the complete body where If-Range has another tag, a weak one, or another date', () => {
    for (const condition of ['"b"', 'W/"a"', date(-99), date(-101), 'soon']) {
      expect(ranged('Range', 'bytes=0-1', 'If-Range', condition), condition).to.equal(undefined);
    }
  });

  it('is a 416 for any range of an empty body', () => {
    for (const range of ['bytes=-1', 'bytes=0-', 'bytes=0-0']) {
      const sent = rangeResponse({ ...META, bodyLength: 0 }, ['Range', range], NOW);
      expect(sent?.status, range).to.equal(416);
    }
  });

  it('trusts a date that is a second before the response, and none that is not stored', () => {
    const headers = ['Range', 'bytes=0-1', 'If-Range', date(-1)];
    const dated = stored({ 'Cache-Control': 'max-age=3600', 'Last-Modified': date(-1) });
    expect(rangeResponse(dated, headers, NOW)?.status).to.equal(206);
    const undated = stored({ 'Cache-Control': 'max-age=3600' });
    expect(rangeResponse(undated, headers, NOW)).to.equal(undefined);
    expect(rangeResponse(undated, ['Range', 'bytes=0-1', 'If-Range', 'soon'], NOW)).to.equal(undefined);
  });

  it('does not trust a weak stored tag, or a date within a second of the response', () => {
    const weak = stored({ 'Cache-Control': 'max-age=3600', ETag: 'W/"a"', 'Last-Modified': date(0) });
    expect(rangeResponse(weak, ['Range', 'bytes=0-1', 'If-Range', 'W/"a"'], NOW)).to.equal(undefined);
    expect(rangeResponse(weak, ['Range', 'bytes=0-1', 'If-Range', '"a"'], NOW)).to.equal(undefined);
    expect(rangeResponse(weak, ['Range', 'bytes=0-1', 'If-Range', date(0)], NOW)).to.equal(undefined);
  });
});
