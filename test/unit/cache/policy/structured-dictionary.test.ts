import { expect } from 'chai';
import { parseDictionary } from '../../../../lib/cache/policy/structured-dictionary.js';

describe('parseDictionary()', () => {
  it('reads members of every type', () => {
    const members = parseDictionary('a=1, b=-2.5, c="x\\"y", d=tok/en, e=:YWI=:, f=?0, g, h=(1 "z");p=1');
    expect(Object.fromEntries(members ?? [])).to.deep.equal({
      a: { type: 'integer', value: 1 },
      b: { type: 'decimal', value: -2.5 },
      c: { type: 'string', value: 'x"y' },
      d: { type: 'token', value: 'tok/en' },
      e: { type: 'bytes', value: 'YWI=' },
      f: { type: 'boolean', value: false },
      g: { type: 'boolean', value: true },
      h: {
        type: 'inner-list',
        value: [
          { type: 'integer', value: 1 },
          { type: 'string', value: 'z' },
        ],
      },
    });
  });

  it('takes the last of two members with one key', () => {
    expect(parseDictionary('a=1, a=2')?.get('a')).to.deep.equal({ type: 'integer', value: 2 });
  });

  it('drops parameters', () => {
    expect(parseDictionary('a;x=1;y, b=2; z="q"')?.get('b')).to.deep.equal({ type: 'integer', value: 2 });
  });

  it('reads an empty text as an empty dictionary', () => {
    expect(parseDictionary('')?.size).to.equal(0);
  });

  for (const text of [
    'a, &&&&&',
    'MaX-aGe=3600',
    'a =1',
    'a= 1',
    'a=1,',
    ',a',
    'a b',
    'a="x',
    'a="ü"',
    'a=1.',
    'a=1.2345',
    'a=1234567890123456',
    'a=?2',
    'a=(1',
    'a=(1"b")',
    'a=:?:',
    'a;=1',
    '\ta',
    'a=',
  ]) {
    it(`refuses ${JSON.stringify(text)} as a whole`, () => {
      expect(parseDictionary(text)).to.equal(undefined);
    });
  }
});
