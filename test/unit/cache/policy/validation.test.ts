import { expect } from 'chai';
import { allValues } from '../../../../lib/cache/policy/headers.js';
import { freshen, headVerdict, validates } from '../../../../lib/cache/policy/validation.js';
import { headerValue } from '../../../../lib/http/headers.js';
import { date, get, NOW, policy, response, SECOND, stored } from './stored-entry.js';

const LATER = NOW + 10 * SECOND;
const TAGGED = stored({ 'Cache-Control': 'max-age=2', ETag: '"a"', 'Last-Modified': date(-100), 'X-A': '1' });
const DATED = stored({ 'Cache-Control': 'max-age=2', 'Last-Modified': date(-100) });

/** What a 304 with these headers, ten seconds later, makes of the stored response. */
function freshened(headers: Readonly<Record<string, string>>, using = policy()) {
  const notModified = response(
    { Date: date(10), ...headers },
    { status: 304, requestTime: LATER, responseTime: LATER },
  );
  return freshen(TAGGED, get(), notModified, using);
}

/** The same, as it is stored. */
function kept(...of: Parameters<typeof freshened>) {
  const { decision } = freshened(...of);
  if (!decision.store) throw new Error(decision.reason);
  return decision.meta;
}

describe('validates()', () => {
  it('accepts a 304 without any validator', () => {
    expect(validates(TAGGED, [], NOW)).to.equal(true);
    expect(validates(DATED, [], NOW)).to.equal(true);
  });

  it('accepts a 304 with our tag, strong or weakened on the way', () => {
    expect(validates(TAGGED, ['ETag', '"a"'], NOW)).to.equal(true);
    expect(validates(TAGGED, ['ETag', 'W/"a"'], NOW)).to.equal(true);
  });

  it('rejects a 304 with another tag, or without a tag with another date', () => {
    expect(validates(TAGGED, ['ETag', '"b"'], NOW)).to.equal(false);
    expect(validates(DATED, ['Last-Modified', date(-99)], NOW)).to.equal(false);
    expect(validates(DATED, ['Last-Modified', date(-100)], NOW)).to.equal(true);
    expect(validates(DATED, ['ETag', '"b"', 'Last-Modified', date(-100)], NOW)).to.equal(true);
  });

  it('accepts a 304 about a response that had no validator', () => {
    expect(validates(stored({ 'Cache-Control': 'max-age=2' }), ['Last-Modified', date(-9)], NOW)).to.equal(
      true,
    );
  });

  it('accepts a 304 to our tag whatever date it carries', () => {
    expect(validates(TAGGED, ['Last-Modified', date(-99)], NOW)).to.equal(true);
  });
});

describe('freshen()', () => {
  it('restarts freshness', () => {
    expect(kept({ 'Cache-Control': 'max-age=3600' })).to.deep.include({
      bornAt: LATER,
      freshUntil: LATER + 3600 * SECOND,
      bodyLength: 10,
      status: 200,
    });
  });

  it('restarts freshness where the 304 has neither Cache-Control nor Date', () => {
    const notModified = response(
      {},
      { status: 304, rawHeaders: [], requestTime: LATER, responseTime: LATER },
    );
    const { decision, rawHeaders } = freshen(TAGGED, get(), notModified, policy());
    expect(decision.store && decision.meta.freshUntil).to.equal(LATER + 2 * SECOND);
    expect(headerValue(rawHeaders, 'date')).to.equal(date(10));
  });

  for (const name of [
    'X-A',
    'X-New',
    'Content-Type',
    'Content-Location',
    'Content-MD5',
    'Expires',
    'Clear-Site-Data',
  ]) {
    it(`takes ${name} from the 304`, () => {
      const { rawHeaders } = freshened({ [name]: 'new' });
      expect(headerValue(rawHeaders, name.toLowerCase())).to.equal('new');
      expect(headerValue(kept({ [name]: 'new' }).rawHeaders, name.toLowerCase())).to.equal('new');
    });
  }

  it('keeps the headers that the 304 does not carry', () => {
    expect(headerValue(kept({}).rawHeaders, 'x-a')).to.equal('1');
    expect(headerValue(kept({ 'X-New': 'X-A' }).rawHeaders, 'x-a')).to.equal('1');
  });

  it('has one Date, that of the 304', () => {
    expect(allValues(freshened({}).rawHeaders, 'date')).to.deep.equal([date(10)]);
  });

  it('removes the stored response where the request was neither GET nor HEAD', () => {
    const post = { ...get(), method: 'POST' };
    expect(freshen(TAGGED, post, response({}, { status: 304 }), policy()).decision).to.deep.equal({
      store: false,
      reason: 'method',
    });
  });

  for (const name of ['Content-Length', 'Content-Encoding', 'Content-Range', 'Connection', 'Age']) {
    it(`does not take ${name} from the 304`, () => {
      expect(headerValue(kept({ [name]: '36' }).rawHeaders, name.toLowerCase())).not.to.equal('36');
    });
  }

  it('removes the stored response where the 304 says no-store, and still sends it', () => {
    const { decision, rawHeaders } = freshened({ 'Cache-Control': 'no-store' });
    expect(decision).to.deep.equal({ store: false, reason: 'no-store' });
    expect(headerValue(rawHeaders, 'x-a')).to.equal('1');
  });

  it('sends a cookie of the 304 to the client that waited, and stores the rest', () => {
    const { decision, rawHeaders } = freshened({ 'Set-Cookie': 'a=b' });
    expect(headerValue(rawHeaders, 'set-cookie')).to.equal('a=b');
    expect(decision.store && headerValue(decision.meta.rawHeaders, 'set-cookie')).to.equal(undefined);
    const withCookies = kept({ 'Set-Cookie': 'a=b' }, policy({ setCookie: 'store' }));
    expect(headerValue(withCookies.rawHeaders, 'set-cookie')).to.equal('a=b');
  });

  it('stores the response to a GET after a HEAD request', () => {
    const notModified = response({}, { status: 304 });
    expect(freshen(TAGGED, { ...get(), method: 'HEAD' }, notModified, policy()).decision.store).to.equal(
      true,
    );
  });

  it('restarts ttlMs in ttl mode', () => {
    expect(kept({}, policy({ mode: 'ttl' })).freshUntil).to.equal(LATER + 60 * SECOND);
  });
});

describe('headVerdict()', () => {
  it('updates on a HEAD that agrees, or has no validators', () => {
    expect(headVerdict(TAGGED, ['ETag', '"a"', 'Content-Length', '10'])).to.equal('update');
    expect(headVerdict(TAGGED, [])).to.equal('update');
  });

  it('treats the stored response as stale where tag, date or length differ', () => {
    expect(headVerdict(TAGGED, ['ETag', '"b"'])).to.equal('stale');
    expect(headVerdict(TAGGED, ['Last-Modified', date(0)])).to.equal('stale');
    expect(headVerdict(TAGGED, ['Content-Length', '11'])).to.equal('stale');
  });
});
