import { expect } from 'chai';
import { decideStore, sealEntry } from '../../../../lib/cache/policy/storable.js';
import { headerValue } from '../../../../lib/http/headers.js';
import { date, get, NOW, policy, refusal, response, SECOND, stored } from './stored-entry.js';

const FRESH = { 'Cache-Control': 'max-age=3600' };

describe('decideStore()', () => {
  for (const status of [
    200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
  ]) {
    it(`stores a ${status} with explicit freshness`, () => {
      expect(refusal(FRESH, { status })).to.equal(undefined);
    });
  }

  for (const status of [100, 103, 206, 304, 412, 416, 428, 429, 431, 511]) {
    it(`never stores a ${status}`, () => {
      expect(refusal({ 'Cache-Control': 'max-age=3600, public' }, { status })).to.equal('status');
    });
  }

  it('stores a 200 with a Content-Range, which means nothing there', () => {
    const meta = stored({ ...FRESH, 'Content-Range': 'bytes 0-4/10' });
    expect(headerValue(meta.rawHeaders, 'content-range')).to.equal('bytes 0-4/10');
  });

  it('does not store without freshness, validator or stale window', () => {
    expect(refusal({})).to.equal('not-reusable');
    expect(refusal({ 'Cache-Control': 'max-age=0' })).to.equal('not-reusable');
    expect(refusal({ 'Cache-Control': 'max-age=3600', Age: '7200' })).to.equal('not-reusable');
    expect(refusal({ 'Last-Modified': date(-1000) }, { status: 403 })).to.equal('not-reusable');
  });

  it('stores any status whose freshness is stated, by the header that counts', () => {
    const status = { status: 403 };
    expect(refusal({ 'Cache-Control': 's-maxage=60' }, status)).to.equal(undefined);
    expect(refusal({ Expires: date(60) }, status)).to.equal(undefined);
    expect(refusal({ 'CDN-Cache-Control': 'other', Expires: date(60) }, status)).to.equal('not-reusable');
    expect(refusal({ 'Cache-Control': 'max-age=3600', Age: ' 7200 , 1' })).to.equal('not-reusable');
  });

  it('stores a stale response with a validator or a stale window', () => {
    expect(refusal({ ETag: '"a"' })).to.equal(undefined);
    expect(refusal({ Expires: date(-10), 'Last-Modified': date(-1000) })).to.equal(undefined);
    expect(refusal({ 'Cache-Control': 'max-age=0, stale-if-error=60' })).to.equal(undefined);
  });

  it('stores no-cache with a validator, never fresh and never usable stale', () => {
    const meta = stored(
      { 'Cache-Control': 'no-cache, max-age=3600', ETag: '"a"' },
      {},
      { staleIfErrorMs: 5000 },
    );
    expect(meta.freshUntil).to.be.at.most(NOW);
    expect(meta.staleIfErrorUntil).to.be.at.most(NOW);
    expect(meta).to.include({ staleForbidden: true, revalidatable: true });
    expect(meta.keepUntil).to.equal(NOW + 3600 * SECOND);
  });

  for (const directive of ['no-store', 'No-StOrE', 'private']) {
    it(`does not store ${directive}, however fresh`, () => {
      const headers = { 'Cache-Control': `max-age=10000, ${directive}`, Expires: date(10_000) };
      expect(refusal(headers)).to.equal(directive.toLowerCase());
    });
  }

  it('lets CDN-Cache-Control decide alone', () => {
    const plain = 'no-store';
    expect(refusal({ 'Cache-Control': plain, 'CDN-Cache-Control': 'max-age=10000' })).to.equal(undefined);
    expect(refusal({ ...FRESH, 'CDN-Cache-Control': 'no-store' })).to.equal('no-store');
    expect(refusal({ ...FRESH, 'CDN-Cache-Control': 'private' })).to.equal('private');
    expect(refusal({ 'Cache-Control': plain, 'CDN-Cache-Control': 'max-age="1"' })).to.equal('no-store');
  });

  it('lets must-understand override no-store for codes it knows, and forbid those it does not', () => {
    const headers = { 'Cache-Control': 'max-age=3600, no-store, must-understand' };
    expect(refusal(headers)).to.equal(undefined);
    expect(refusal(headers, { status: 599 })).to.equal('status');
    expect(refusal({ 'Cache-Control': 'max-age=3600, must-understand' }, { status: 299 })).to.equal('status');
  });

  it('does not store for a request with no-store', () => {
    expect(refusal(FRESH, {}, {}, get(['Cache-Control', 'no-store']))).to.equal('request-no-store');
  });

  it('stores a response to Authorization only where it is for anyone', () => {
    const authorised = get(['authorization', 'Bearer x']);
    expect(refusal(FRESH, {}, {}, authorised)).to.equal('authorization');
    for (const directive of ['public', 'must-revalidate', 's-maxage=3600']) {
      const headers = { 'Cache-Control': `max-age=3600, ${directive}` };
      expect(refusal(headers, {}, {}, authorised), directive).to.equal(undefined);
    }
  });

  it('does not store a cookie unless configured', () => {
    const headers = { ...FRESH, 'Set-Cookie': 'a=b' };
    expect(refusal(headers)).to.equal('set-cookie');
    expect(refusal({ ...FRESH, 'Set-Cookie2': 'a=b' })).to.equal('set-cookie');
    const meta = stored(headers, {}, { setCookie: 'store' });
    expect(headerValue(meta.rawHeaders, 'set-cookie')).to.equal('a=b');
  });

  it('stores a response without its cookies where they are to be stripped', () => {
    const headers = { ...FRESH, 'Set-Cookie': 'a=b', 'Set-Cookie2': 'c=d', 'X-A': '1', 'X-Left': '2' };
    const { rawHeaders } = stored(headers, {}, { setCookie: 'strip', omitHeaders: new Set(['x-left']) });
    const left = ['set-cookie', 'set-cookie2', 'x-left'].filter((name) => headerValue(rawHeaders, name));
    expect([left, headerValue(rawHeaders, 'x-a')]).to.deep.equal([[], '1']);
  });

  it('does not store a stream of events unless configured', () => {
    for (const type of ['text/event-stream', ' Text/Event-Stream ; charset=utf-8']) {
      const headers = { ...FRESH, 'Content-Type': type };
      expect(refusal(headers), type).to.equal('event-stream');
      expect(refusal(headers, {}, { storeEventStreams: true }), type).to.equal(undefined);
    }
    for (const type of ['text/event-streams', 'x-text/event-stream', 'application/json']) {
      expect(refusal({ ...FRESH, 'Content-Type': type }), type).to.equal(undefined);
    }
  });

  it('stores a response without the cookie that the upstream marks as private', () => {
    const meta = stored({ 'Cache-Control': 'max-age=3600, private="set-cookie"', 'Set-Cookie': 'a=b' });
    expect(headerValue(meta.rawHeaders, 'set-cookie')).to.equal(undefined);
  });

  it('omits the headers that no-cache and private name', () => {
    const control = 'max-age=3600, no-cache="a, B", private="c"';
    const meta = stored({ 'Cache-Control': control, A: '1', b: '2', C: '3', D: '4' });
    expect(meta.rawHeaders).to.include('D').and.not.to.include.members(['A']);
    for (const name of ['a', 'b', 'c']) expect(headerValue(meta.rawHeaders, name), name).to.equal(undefined);
  });

  it('omits them in standard mode whatever override says, and keeps the cookies that it is to store', () => {
    const headers = { 'Cache-Control': 'max-age=3600, private="c"', C: '3', 'Set-Cookie': 'a=b' };
    const { rawHeaders } = stored(headers, {}, { override: true, setCookie: 'store' });
    expect(headerValue(rawHeaders, 'c')).to.equal(undefined);
    expect(headerValue(rawHeaders, 'set-cookie')).to.equal('a=b');
  });

  it('omits hop-by-hop headers, those that Connection lists, and Age', () => {
    const meta = stored({ ...FRESH, Connection: 'a', A: '1', 'Keep-Alive': 'x', Age: '3', B: '2' });
    expect(meta.rawHeaders).to.deep.equal([
      ...['Date', date(0), 'Cache-Control', 'max-age=3600', 'B', '2', 'Content-Length', '10'],
    ]);
  });

  it('keeps the upstream’s Date, and adds one where there is none', () => {
    expect(headerValue(stored({ ...FRESH, Date: date(-5) }).rawHeaders, 'date')).to.equal(date(-5));
    const undated = stored({}, { rawHeaders: ['Cache-Control', 'max-age=3600'] });
    expect(headerValue(undated.rawHeaders, 'date')).to.equal(date(0));
  });

  it('does not store Vary: *, or a flood of names in Vary', () => {
    expect(refusal({ ...FRESH, Vary: 'Foo, *' })).to.equal('vary');
    const flood = Array.from({ length: 33 }, (_, index) => `x-${index}`).join(',');
    expect(refusal({ ...FRESH, Vary: flood })).to.equal('vary');
  });

  it('derives what a look-up needs', () => {
    const headers = { ...FRESH, ETag: 'W/"a"', 'Last-Modified': date(-100), Vary: 'Foo', 'Cache-Tag': 't1' };
    const meta = stored(headers, { requestTime: NOW - 100 }, {}, get(['foo', '1']));
    expect(meta).to.deep.include({
      bornAt: NOW - 100,
      freshUntil: NOW - 100 + 3600 * SECOND,
      etag: 'W/"a"',
      lastModifiedMs: NOW - 100 * SECOND,
      varyNames: ['foo'],
      tags: ['t1'],
      bodyLength: 10,
    });
  });

  it('keeps a response without a validator until its last window closes', () => {
    const meta = stored({ 'Cache-Control': 'max-age=10, stale-if-error=60' });
    expect(meta.keepUntil).to.equal(NOW + 70 * SECOND);
  });

  it('revalidates only responses with a 2xx status', () => {
    expect(stored({ ...FRESH, ETag: '"a"' }, { status: 404 }).revalidatable).to.equal(false);
    expect(stored({ ...FRESH, ETag: '"a"' }, { status: 300 }).revalidatable).to.equal(false);
    expect(stored({ ...FRESH, ETag: '"a"' }, { status: 299 }).revalidatable).to.equal(true);
    expect(stored({ ...FRESH, 'Last-Modified': 'yesterday' }).revalidatable).to.equal(false);
    expect(stored(FRESH)).to.include({ revalidatable: false, lastModifiedMs: undefined });
    expect(stored({ ...FRESH, ETag: '"a"' }).revalidatable).to.equal(true);
  });

  it('does not store responses to HEAD, PUT or an unknown method', () => {
    for (const method of ['HEAD', 'PUT', 'M-SEARCH', 'POST']) {
      expect(refusal(FRESH, {}, {}, { ...get(), method }), method).to.equal('method');
    }
  });

  it('stores a fresh POST with its own Content-Location', () => {
    const post = { ...get(), method: 'POST' };
    expect(refusal({ ...FRESH, 'Content-Location': '/path' }, {}, {}, post)).to.equal(undefined);
    expect(refusal({ ...FRESH, 'Content-Location': '/other' }, {}, {}, post)).to.equal('method');
    const heuristic = { 'Content-Location': '/path', 'Last-Modified': date(-1000) };
    expect(refusal(heuristic, {}, {}, post)).to.equal('not-reusable');
  });
});

describe('sealEntry()', () => {
  function head(headers: Readonly<Record<string, string>>, status = 200) {
    const decision = decideStore(get(), response({ ...FRESH, ...headers }, { status }), policy());
    if (!decision.store) throw new Error(decision.reason);
    return decision.meta;
  }

  it('refuses a body that is shorter or longer than announced', () => {
    expect(sealEntry(head({ 'Content-Length': '10' }), 10)?.bodyLength).to.equal(10);
    expect(sealEntry(head({ 'Content-Length': '10' }), 9)).to.equal(undefined);
    expect(sealEntry(head({ 'Content-Length': '10' }), 11)).to.equal(undefined);
    expect(sealEntry(head({ 'Content-Length': '10, 10' }), 10)).to.equal(undefined);
  });

  it('keeps the head beside the length', () => {
    const { bodyLength: _, ...rest } = head({ 'Content-Length': '10', ETag: '"a"' });
    expect(sealEntry(head({ 'Content-Length': '10', ETag: '"a"' }), 10)).to.deep.equal({
      ...rest,
      bodyLength: 10,
    });
    expect(sealEntry(head({}, 204), 0)).to.deep.equal(head({}, 204));
  });

  it('adds the length where the upstream did not send it, except for a 204', () => {
    expect(headerValue(sealEntry(head({}), 7)?.rawHeaders ?? [], 'content-length')).to.equal('7');
    expect(headerValue(sealEntry(head({}, 204), 0)?.rawHeaders ?? [], 'content-length')).to.equal(undefined);
  });
});
