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

  it('reads a token that begins with an asterisk', () => {
    expect(parseDictionary('a=*x')?.get('a')).to.deep.equal({ type: 'token', value: '*x' });
  });

  it('takes the last of two members with one key', () => {
    expect(parseDictionary('a=1, a=2')?.get('a')).to.deep.equal({ type: 'integer', value: 2 });
  });

  it('drops parameters', () => {
    expect(parseDictionary('a;x=1;y, b=2; z="q"')?.get('b')).to.deep.equal({ type: 'integer', value: 2 });
  });

  it('reads white space around members, and numbers as long as they may be', () => {
    const text = '  a=1 \t ,\t b=?1;  p,c=(  1   2  ), d=123456789012345, e=-123456789012.125,f=0,g=9';
    const members = parseDictionary(text);
    expect([...(members?.keys() ?? [])].join('')).to.equal('abcdefg');
    expect(members?.get('b')).to.deep.equal({ type: 'boolean', value: true });
    expect(members?.get('c')?.value).to.have.length(2);
    expect(members?.get('d')?.value).to.equal(123456789012345);
    expect(members?.get('e')?.value).to.equal(-123456789012.125);
    expect(members?.get('f')).to.deep.equal({ type: 'integer', value: 0 });
    expect(members?.get('g')).to.deep.equal({ type: 'integer', value: 9 });
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
    'a=1234567890123.5',
    'a=!',
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
