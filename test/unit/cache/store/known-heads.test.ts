import { expect } from 'chai';
import type { EntryMeta } from '../../../../lib/cache/store/entry.js';
import { KnownHeads } from '../../../../lib/cache/store/known-heads.js';

describe('KnownHeads', () => {
  const parsed: string[] = [];
  const parse = (text: string): EntryMeta | undefined => {
    parsed.push(text.slice(0, 5));
    return text.startsWith('bad') ? undefined : ({ etag: text } as EntryMeta);
  };

  beforeEach(() => {
    parsed.length = 0;
  });

  it('parses a head once, and other text each time', () => {
    const heads = new KnownHeads(parse);
    for (const text of ['a', 'b', 'a', 'bad', 'bad']) heads.read(text);
    expect(parsed).to.deep.equal(['a', 'b', 'bad', 'bad']);
    expect(heads.read('a')?.etag).to.equal('a');
    expect(heads.read('bad')).to.equal(undefined);
  });

  it('remembers neither long heads nor an unlimited number of them', () => {
    const heads = new KnownHeads(parse);
    const long = 'x'.repeat(5000);
    expect(heads.read(long)?.etag).to.equal(long);
    heads.read(long);
    expect(parsed).to.have.length(2);
    for (let i = 0; i <= 500; i++) heads.read(`head ${i}`);
    parsed.length = 0;
    heads.read('head 500');
    heads.read('head 0');
    expect(parsed).to.have.length(1);
  });
});
