import { expect } from 'chai';
import { boundedTags, MAX_TAG_LENGTH, MAX_TAGS, responseTags } from '../../../../lib/cache/policy/tags.js';

describe('responseTags()', () => {
  it('reads Surrogate-Key by spaces and Cache-Tag by commas, each tag once', () => {
    const lines = ['Surrogate-Key', 'a  b', 'cache-tag', 'c d, a', 'Cache-Tag', ',e'];
    expect(responseTags(lines)).to.deep.equal(['a', 'b', 'c d', 'e']);
  });

  it('is empty without either', () => {
    expect(responseTags(['ETag', '"a"'])).to.deep.equal([]);
  });
});

describe('boundedTags()', () => {
  it('limits their number and their length', () => {
    expect(boundedTags(Array.from({ length: 1000 }, (_, index) => `t${index}`))).to.have.length(MAX_TAGS);
    expect(boundedTags(['x'.repeat(MAX_TAG_LENGTH + 1), 'ok'])).to.deep.equal(['ok']);
  });
});
