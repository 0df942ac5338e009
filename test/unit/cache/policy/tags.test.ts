import { expect } from 'chai';
import { boundedTags, MAX_TAG_LENGTH, MAX_TAGS, responseTags } from '../../../../lib/cache/policy/tags.js';

describe('responseTags()', () => {
  it('reads Surrogate-Key by spaces and Cache-Tag by commas, each tag once', () => {
    const lines = ['Surrogate-Key', 'a  b', 'cache-tag', 'c d, a', 'Cache-Tag', ',e'];
    expect(responseTags(lines)).to.deep.equal(['a', 'b', 'c d', 'e']);
  });

  it('reads either alone', () => {
    expect(responseTags(['Surrogate-Key', 'a \t b'])).to.deep.equal(['a', 'b']);
    expect(responseTags(['Cache-Tag', 'a'])).to.deep.equal(['a']);
  });

  it('is empty without either', () => {
    expect(responseTags(['ETag', '"a"'])).to.deep.equal([]);
  });
});

describe('boundedTags()', () => {
  it('limits their number and their length', () => {
    expect(boundedTags(Array.from({ length: 1000 }, (_, index) => `t${index}`))).to.have.length(MAX_TAGS);
    const longest = 'x'.repeat(MAX_TAG_LENGTH);
    expect(boundedTags([`${longest}x`, longest, 'ok'])).to.deep.equal([longest, 'ok']);
  });
});
