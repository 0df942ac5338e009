import { expect } from 'chai';
import { parseTargeted, responseDirectives } from '../../../../lib/cache/policy/targeted-cache-control.js';

/** What counts for a response with these two headers. */
function directives(targeted: string, plain = 'no-store') {
  return responseDirectives(['Cache-Control', plain, 'CDN-Cache-Control', targeted]);
}

describe('responseDirectives()', () => {
  it('reads Cache-Control where there is no targeted header', () => {
    const { directives: plain, targeted } = responseDirectives([
      'Cache-Control',
      'max-age=1',
      'cache-control',
      'public',
    ]);
    expect(plain).to.include({ maxAge: 1, public: true });
    expect(targeted).to.equal(false);
  });

  it('lets a valid CDN-Cache-Control replace Cache-Control', () => {
    const { directives: used, targeted } = directives('max-age=3600');
    expect(used).to.include({ maxAge: 3600, noStore: false });
    expect(targeted).to.equal(true);
  });

  it('lets an unknown directive replace Cache-Control too', () => {
    expect(directives('none').targeted).to.equal(true);
  });

  for (const invalid of [
    'max-age=10000, &&&&&',
    'max-age="10000"',
    'max-age=1.5',
    'max-age',
    'no-store=1',
    'private=(a b)',
    'MaX-aGe=3600',
    'max-age =100',
    'max-age= 100',
    '',
  ]) {
    it(`ignores the invalid header ${JSON.stringify(invalid)}`, () => {
      const { directives: used, targeted } = directives(invalid);
      expect(used.noStore).to.equal(true);
      expect(targeted).to.equal(false);
    });
  }

  it('reads one dictionary from several lines', () => {
    const lines = ['CDN-Cache-Control', 'foobar', 'cdn-cache-control', 'max-age=5'];
    expect(responseDirectives(lines).directives.maxAge).to.equal(5);
  });
});

describe('parseTargeted()', () => {
  it('reads numbers and permissions as Cache-Control does', () => {
    const text = 's-maxage=1, stale-while-revalidate=3, stale-if-error=4, must-revalidate, proxy-revalidate';
    expect(parseTargeted(`${text}, public, immutable, must-understand`)).to.include({
      sMaxage: 1,
      staleWhileRevalidate: 3,
      staleIfError: 4,
      mustRevalidate: true,
      proxyRevalidate: true,
      public: true,
      immutable: true,
      mustUnderstand: true,
    });
  });

  it('refuses a permission with an argument, and takes a directive that it does not know with any', () => {
    expect(parseTargeted('public="x"')).to.equal(undefined);
    expect(parseTargeted('other=5, more="x", max-age=1')?.maxAge).to.equal(1);
  });

  it('takes the last of two max-age, as dictionaries do', () => {
    expect(parseTargeted('max-age=1, max-age=2')?.maxAge).to.equal(2);
  });

  it('reads private, no-cache and no-store', () => {
    expect(parseTargeted('private, no-cache, no-store')).to.include({
      private: true,
      noCache: true,
      noStore: true,
    });
  });

  it('reads the header names of private', () => {
    expect(parseTargeted('private="a, b"')?.privateHeaders).to.deep.equal(['a', 'b']);
  });

  it('caps a very large max-age and treats a negative one as stale', () => {
    expect(parseTargeted('max-age=99999999999')?.maxAge).to.equal(2 ** 31);
    expect(parseTargeted('max-age=-1')?.maxAge).to.equal(0);
  });

  it('treats a directive that is false as absent', () => {
    expect(parseTargeted('no-store=?0, max-age=1')).to.include({ noStore: false, maxAge: 1 });
  });
});
