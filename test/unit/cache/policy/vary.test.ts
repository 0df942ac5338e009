import { expect } from 'chai';
import { MAX_VARY_NAMES, selectingKey, varyNames } from '../../../../lib/cache/policy/vary.js';

/** Whether two requests select the same variant of a response that varies on these headers. */
function match(vary: readonly string[], one: readonly string[], other: readonly string[]): boolean {
  return selectingKey(vary, one) === selectingKey(vary, other);
}

describe('varyNames()', () => {
  it('lists the names of all lines, sorted, in lower case, each once', () => {
    expect(varyNames(['Vary', 'Foo, Bar', 'VARY', 'foo, baz'])).to.deep.equal(['bar', 'baz', 'foo']);
  });

  it('is empty where there is no Vary', () => {
    expect(varyNames(['ETag', '"a"'])).to.deep.equal([]);
  });

  for (const lines of [['*'], ['*, *'], ['*', '*'], [', *'], ['', '*'], ['*, Foo'], ['Foo, *']]) {
    it(`matches nothing for ${JSON.stringify(lines)}`, () => {
      expect(varyNames(lines.flatMap((value) => ['Vary', value]))).to.equal(undefined);
    });
  }

  it('matches nothing for a member that is not a header name', () => {
    expect(varyNames(['Vary', 'foo bar'])).to.equal(undefined);
  });

  it('is limited in number', () => {
    const names = Array.from({ length: MAX_VARY_NAMES }, (_, index) => `x-${index}`);
    expect(varyNames(['Vary', names.join()])).to.have.length(MAX_VARY_NAMES);
    expect(varyNames(['Vary', [...names, 'one-more'].join()])).to.equal(undefined);
  });
});

describe('varyNames(), of what a response does not say', () => {
  it('adds Accept-Encoding to a coded response: not every client can read it', () => {
    expect(varyNames(['Content-Encoding', 'gzip'])).to.deep.equal(['accept-encoding']);
    expect(varyNames(['Content-Encoding', 'identity'])).to.deep.equal([]);
    expect(varyNames(['Content-Encoding', 'identity, br', 'Vary', 'foo'])).to.deep.equal([
      'accept-encoding',
      'foo',
    ]);
  });

  it('adds Origin to a response for one origin: a browser refuses it for another', () => {
    const allowed = (origin: string) => varyNames(['Access-Control-Allow-Origin', origin, 'Vary', 'foo']);
    expect(allowed('https://a.example')).to.deep.equal(['foo', 'origin']);
    expect(allowed(' * ')).to.deep.equal(['foo']);
  });

  for (const vary of ['Accept-Encoding', 'accept-encoding, Foo']) {
    it(`leaves out what does not reach the upstream of ${vary}`, () => {
      const held = (name: string) => name !== 'accept-encoding';
      expect(varyNames(['Vary', vary], held)).to.deep.equal(vary.includes('Foo') ? ['foo'] : []);
      expect(varyNames(['Vary', vary], () => true)).to.include('accept-encoding');
    });
  }

  it('takes the other lines beside the most common one', () => {
    expect(varyNames(['Vary', 'Accept-Encoding', 'Vary', 'Foo'])).to.deep.equal(['accept-encoding', 'foo']);
    expect(varyNames(['Vary', ''])).to.deep.equal([]);
  });
});

describe('selectingKey()', () => {
  // Processes of several releases share a store: another text would be another variant.
  for (const [name, values, key] of [
    ['accept', ['text/html , a/b'], '=text/html,a/b'],
    ['accept', [], '-'],
    ['accept', [''], '='],
    ['accept', ['x'.repeat(128)], `=${'x'.repeat(128)}`],
    ['accept', ['x'.repeat(129)], '#DsnrM-dFELzdHy6lUgboLyFknFwr7L8rQz60dbNMAb0'],
    ['origin', ['https://a.example'], '=https://a.example'],
    ['user-agent', ['curl/8'], '=curl/8'],
    ['accept-language', ['EN; q=0.500;x=1, de', 'fr;q=1.'], '=de,en;q=0.5;x=1,fr'],
    ['accept-encoding', ['x-compress, ,gzip;q=0, br;q=0.1'], '=br;q=0.1,compress'],
    ['cookie', ['a'], '#ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs'],
  ] as const) {
    it(`is ${key.slice(0, 30)} for ${name}: ${values.join(' | ').slice(0, 30)}`, () => {
      expect(
        selectingKey(
          [name],
          values.flatMap((value) => [name, value]),
        ),
      ).to.equal(`${name}${key}\n`);
    });
  }

  it('does not confuse a line end in a value with another header', () => {
    const vary = ['accept', 'origin'];
    expect(match(vary, ['Accept', 'x\norigin=y'], ['Accept', 'x', 'Origin', 'y\norigin-'])).to.equal(false);
  });

  it('distinguishes other values, and a missing header', () => {
    expect(match(['foo'], ['Foo', '1'], ['foo', '1'])).to.equal(true);
    expect(match(['foo'], ['Foo', '1'], ['Foo', '2'])).to.equal(false);
    expect(match(['foo'], ['Foo', '1'], [])).to.equal(false);
    expect(match(['foo'], [], [])).to.equal(true);
  });

  it('distinguishes an empty header from a missing one', () => {
    expect(match(['accept-encoding'], ['Accept-Encoding', ''], [])).to.equal(false);
  });

  it('compares each header with itself', () => {
    const one = ['Foo', '1', 'Bar', 'abc', 'Baz', '789'];
    const vary = ['bar', 'baz', 'foo'];
    expect(match(vary, one, ['Baz', '789', 'Bar', 'abc', 'Foo', '1', 'Other', '3'])).to.equal(true);
    expect(match(vary, one, ['Foo', '1', 'Baz', '789', 'Bar', 'abcde'])).to.equal(false);
    expect(match(['a', 'b'], ['A', '1'], ['B', '1'])).to.equal(false);
  });

  it('combines lines and removes white space around commas', () => {
    expect(match(['foo'], ['Foo', '1, 2'], ['Foo', '1', 'Foo', '2'])).to.equal(true);
    expect(match(['foo'], ['Foo', '1,2'], ['Foo', ' 1, 2 '])).to.equal(true);
    expect(match(['foo'], ['Foo', 'a b'], ['Foo', 'ab'])).to.equal(false);
    expect(match(['foo'], ['Foo', '"a, b"'], ['Foo', '"a,b"'])).to.equal(false);
    expect(match(['foo'], ['Foo', 'a, b'], ['Foo', 'ab'])).to.equal(false);
  });

  for (const [one, other] of [
    ['en, de', 'de, en'],
    ['en, de', 'eN, De'],
    ['en, de', ' en ,   de'],
    ['en;q=0.50, de', 'de;q=1.0, en; q=0.5'],
    ['en;q=0.5', 'en; q = 0.5'],
    ['en;q=0.5', 'en;q=0.5, en'],
  ] as const) {
    it(`treats Accept-Language: ${other} as ${one}`, () => {
      expect(match(['accept-language'], ['Accept-Language', one], ['Accept-Language', other])).to.equal(true);
    });
  }

  it('distinguishes other languages and other weights', () => {
    const languages = (value: string) => ['Accept-Language', value];
    expect(match(['accept-language'], languages('en, de'), languages('en, fr'))).to.equal(false);
    expect(match(['accept-language'], languages('en, de;q=0.5'), languages('en;q=0.5, de'))).to.equal(false);
    for (const strange of ['en', 'en;xq=0.5', 'en;q=0.5x', 'en;q=2', 'en;q=0.5, ;q=1', 'en;q=0.5, ;x']) {
      expect(match(['accept-language'], languages('en;q=0.5'), languages(strange)), strange).to.equal(false);
    }
  });

  for (const [one, other] of [
    ['gzip, br', 'BR,gzip'],
    ['gzip', 'x-gzip;q=1'],
    ['gzip', 'gzip, br;q=0'],
    ['compress, br', 'br, x-compress'],
    ['gzip', ', gzip,'],
  ] as const) {
    it(`treats Accept-Encoding: ${other} as ${one}`, () => {
      expect(match(['accept-encoding'], ['Accept-Encoding', one], ['Accept-Encoding', other])).to.equal(true);
    });
  }

  it('keeps a refused encoding that * or identity would allow', () => {
    const encodings = (value: string) => ['Accept-Encoding', value];
    expect(match(['accept-encoding'], encodings('*'), encodings('*, br;q=0'))).to.equal(false);
    expect(match(['accept-encoding'], encodings('gzip'), encodings('gzip, identity;q=0'))).to.equal(false);
    expect(match(['accept-encoding'], encodings('gzip'), encodings('gzip, *;q=0'))).to.equal(false);
  });

  it('joins the lines of Accept-Encoding to one list', () => {
    const lines = ['Accept-Encoding', 'gzip', 'Accept-Encoding', 'br'];
    expect(match(['accept-encoding'], lines, ['Accept-Encoding', 'br, gzip'])).to.equal(true);
  });

  it('joins the lines of Cookie by semicolons', () => {
    expect(match(['cookie'], ['Cookie', 'a=1'], ['Cookie', ' a=1 '])).to.equal(true);
    expect(match(['cookie'], ['Cookie', 'a=1,2'], ['Cookie', 'a=1, 2'])).to.equal(false);
    expect(match(['cookie'], ['Cookie', 'a=1; b=2'], ['Cookie', 'a=1', 'cookie', 'b=2'])).to.equal(true);
  });

  it('contains no value that may be a secret', () => {
    const key = selectingKey(
      ['authorization', 'x-tenant-key'],
      ['Authorization', 'Bearer s3cret', 'X-Tenant-Key', 's3cret'],
    );
    expect(key).not.to.include('s3cret');
  });

  it('stays short for a long value', () => {
    const key = selectingKey(['accept'], ['Accept', 'x'.repeat(10_000)]);
    expect(key.length).to.be.lessThan(100);
  });
});
