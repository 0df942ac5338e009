import { expect } from 'chai';
import {
  MAX_DELTA_SECONDS,
  parseCacheControl,
  parseDeltaSeconds,
  requestDirectives,
} from '../../../../lib/cache/policy/cache-control.js';

describe('parseCacheControl()', () => {
  it('reads directives in any letter case', () => {
    const directives = parseCacheControl(['No-StOrE, MaX-aGe=3600, Must-Revalidate']);
    expect(directives).to.include({ noStore: true, maxAge: 3600, mustRevalidate: true });
  });

  it('reads every directive that a shared cache acts on', () => {
    const text =
      's-maxage=1, proxy-revalidate, public, must-understand, immutable, only-if-cached, min-fresh=2';
    expect(parseCacheControl([`${text}, stale-while-revalidate=3, stale-if-error=4`])).to.include({
      sMaxage: 1,
      proxyRevalidate: true,
      public: true,
      mustUnderstand: true,
      immutable: true,
      onlyIfCached: true,
      minFresh: 2,
      staleWhileRevalidate: 3,
      staleIfError: 4,
    });
  });

  it('ignores unknown directives, and a value without a name', () => {
    expect(parseCacheControl(['=no-store, =no-cache'])).to.include({ noStore: false, noCache: false });
    expect(parseCacheControl(['foobar, max-age=3600, x="y"']).maxAge).to.equal(3600);
  });

  it('takes the first of two max-age, on one line and on two', () => {
    expect(parseCacheControl(['max-age=1800, max-age=1']).maxAge).to.equal(1800);
    expect(parseCacheControl(['max-age=1', 'max-age=1800']).maxAge).to.equal(1);
  });

  it('treats a quoted max-age as its digits', () => {
    expect(parseCacheControl(['max-age="3600"']).maxAge).to.equal(3600);
    expect(parseCacheControl(['max-age="\\3\\6"']).maxAge).to.equal(36);
  });

  it('treats one that is quoted by half as stale', () => {
    for (const value of ['"36', '36"', '"36"0', '3"6"']) {
      expect(parseCacheControl([`max-age=${value}`]).maxAge, value).to.equal(0);
    }
  });

  it('does not see a max-age inside the quoted string of another directive', () => {
    expect(parseCacheControl(['extension="max-age=3600", max-age=1']).maxAge).to.equal(1);
    expect(parseCacheControl(['max-age=1, extension="max-age=3600"']).maxAge).to.equal(1);
    expect(parseCacheControl(['extension="\\", max-age=3600"']).maxAge).to.equal(undefined);
  });

  it('sees a no-store behind a quote that is never closed', () => {
    expect(parseCacheControl(['extension="oops, no-store']).noStore).to.equal(true);
    expect(parseCacheControl(['extension="oops', 'no-store, x="']).noStore).to.equal(true);
  });

  for (const text of [
    'no-store; private; no-cache; must-revalidate',
    'no-store private\tno-cache must-revalidate',
    "public; max-age=60;no-store;'private';no-cache, must-revalidate;",
  ]) {
    it(`obeys what ${JSON.stringify(text)} forbids, although it is no list`, () => {
      const forbidden = { noStore: true, private: true, noCache: true, mustRevalidate: true };
      expect(parseCacheControl([text])).to.include(forbidden);
    });
  }

  it('takes no permission and no time from what is no list', () => {
    expect(parseCacheControl(['public; max-age=60; s-maxage=60'])).to.include({
      public: false,
      maxAge: undefined,
      sMaxage: undefined,
    });
    expect(parseCacheControl(['x="private; no-store"'])).to.include({ private: false, noStore: false });
  });

  it('treats max-age with a space before the equals sign as unknown', () => {
    expect(parseCacheControl(['max-age =3600']).maxAge).to.equal(undefined);
  });

  for (const value of ['-3600', "'3600'", '3600.0', '3600.5', 'a3600', '3600a', ' 3600', '', '"36 00"']) {
    it(`treats max-age=${value} as stale`, () => {
      expect(parseCacheControl([`max-age=${value}`]).maxAge).to.equal(0);
      expect(parseCacheControl([`s-maxage=${value}`]).sMaxage).to.equal(0);
    });
  }

  it('treats a max-age without a value as stale', () => {
    expect(parseCacheControl(['max-age']).maxAge).to.equal(0);
  });

  it('reads leading zeros', () => {
    expect(parseCacheControl(['max-age=003600']).maxAge).to.equal(3600);
  });

  for (const value of ['2147483648', '2147483649', '99999999999', '9'.repeat(400)]) {
    it(`caps a max-age of ${value.slice(0, 12)}`, () => {
      expect(parseCacheControl([`max-age=${value}`]).maxAge).to.equal(MAX_DELTA_SECONDS);
    });
  }

  it('ignores an invalid stale window', () => {
    const directives = parseCacheControl(['stale-while-revalidate=x, stale-if-error=-1']);
    expect(directives.staleWhileRevalidate).to.equal(undefined);
    expect(directives.staleIfError).to.equal(undefined);
  });

  it('reads the header names of no-cache and private', () => {
    const directives = parseCacheControl(['no-cache="A, b", private=c']);
    expect(directives).to.include({ noCache: false, private: false });
    expect(directives.noCacheHeaders).to.deep.equal(['a', 'b']);
    expect(directives.privateHeaders).to.deep.equal(['c']);
  });

  it('keeps a bare no-cache or private despite a later list of headers', () => {
    expect(parseCacheControl(['no-cache, no-cache="a"']).noCache).to.equal(true);
    expect(parseCacheControl(['private="a"', 'private']).private).to.equal(true);
  });

  it('applies an unreadable list of headers to the whole response', () => {
    expect(parseCacheControl(['private=""']).private).to.equal(true);
    expect(parseCacheControl(['no-cache="a b"']).noCache).to.equal(true);
    expect(parseCacheControl(['no-cache="a, b c"'])).to.deep.include({ noCache: true, noCacheHeaders: [] });
    expect(parseCacheControl(['no-cache="a, , b"'])).to.deep.include({
      noCache: false,
      noCacheHeaders: ['a', 'b'],
    });
  });

  it('ignores what permits where it has an argument, but not what forbids', () => {
    expect(parseCacheControl(['public=1, immutable=1, must-understand=1, no-store=1'])).to.include({
      public: false,
      immutable: false,
      mustUnderstand: false,
      noStore: true,
    });
  });
});

describe('requestDirectives()', () => {
  it('is undefined for a request without any', () => {
    expect(requestDirectives(['Accept', 'no-cache'])).to.equal(undefined);
  });

  it('reads max-stale with and without a value', () => {
    expect(requestDirectives(['cache-control', 'max-stale'])?.maxStale).to.equal(Number.POSITIVE_INFINITY);
    expect(requestDirectives(['Cache-Control', 'max-stale=5'])?.maxStale).to.equal(5);
    expect(requestDirectives(['Cache-Control', 'max-stale=x'])?.maxStale).to.equal(undefined);
  });

  it('treats Pragma: no-cache as Cache-Control: no-cache', () => {
    expect(requestDirectives(['Pragma', 'foo, No-Cache'])?.noCache).to.equal(true);
    expect(requestDirectives(['Pragma', 'foo'])).to.equal(undefined);
  });

  it('ignores Pragma where there is a Cache-Control', () => {
    expect(requestDirectives(['Pragma', 'no-cache', 'Cache-Control', 'x'])?.noCache).to.equal(false);
  });
});

describe('parseDeltaSeconds()', () => {
  it('accepts digits only', () => {
    expect(parseDeltaSeconds('60')).to.equal(60);
    expect(parseDeltaSeconds('6e1')).to.equal(undefined);
    expect(parseDeltaSeconds(undefined)).to.equal(undefined);
  });
});
