import { expect } from 'chai';
import { hashTag } from '../../../lib/redis/hash-tag.js';

describe('hashTag()', () => {
  it('keeps names apart whatever they hold, and refuses none', () => {
    expect(hashTag('rpo', 'weather')).to.equal('{rpo:weather}');
    const names = ['a:b', 'a%3Ab', 'a}b', 'a{b', 'a b', 'ä', '😀', '\ud83d'];
    const tags = names.map((name) => hashTag('rpo', name));
    expect(new Set(tags).size).to.equal(names.length);
    for (const tag of tags)
      expect(tag)
        .to.match(/^\{rpo:[\x21-\x7e]+\}$/)
        .and.not.match(/^\{.*[{}:].*:|\{.*[{}].*\}$/);
    expect(hashTag('a:b', 'c')).not.to.equal(hashTag('a', 'b:c'));
  });
});
