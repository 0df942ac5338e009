import { expect } from 'chai';
import { cacheKeys } from '../../../../../lib/cache/policy/key.js';
import {
  epochsKey,
  expiryKey,
  hashTagOf,
  indexKey,
  leaseKey,
  tagKey,
} from '../../../../../lib/cache/store/redis/keys.js';

const keys = cacheKeys({
  prefix: 'r}p{o',
  api: 'weather:{eu}',
  headerStrategy: 'none',
  headers: [],
  identity: 'x',
  isCredential: () => false,
  reaches: () => true,
  namesHost: true,
  sortQuery: false,
  injectedHeaders: [],
  sharedAcrossCredentials: false,
});
const requestKey = (url: string): string => keys.key({ method: 'GET', url, rawHeaders: [] });

describe('keys in Redis', () => {
  it('share the hash tag of their API, whatever its name', () => {
    const hashTag = hashTagOf(keys.apiPrefix);
    expect(`${hashTag}:`).to.equal(keys.apiPrefix);
    expect(hashTagOf(requestKey('/a}b?c'))).to.equal(hashTag);
    const others = [
      epochsKey(hashTag),
      indexKey(hashTag),
      expiryKey(hashTag),
      tagKey(hashTag, 'a}b'),
      leaseKey(requestKey('/a')),
    ];
    for (const key of others) expect(hashTagOf(key)).to.equal(hashTag);
  });

  it('are all different, whatever path is requested', () => {
    const hashTag = hashTagOf(keys.apiPrefix);
    const others = [epochsKey, indexKey, expiryKey].map((name) => name(hashTag));
    others.push(tagKey(hashTag, 'a'), leaseKey(requestKey('/a')));
    expect(new Set(others).size).to.equal(5);
    for (const key of others) expect(key.startsWith(keys.apiPrefix), key).to.equal(false);
  });

  it('reveal no tag', () => {
    expect(tagKey('{a:b}', 'user-5@example.test')).to.match(/^\{a:b\}tag:[\w-]{43}$/);
  });

  it('have no hash tag where it is incomplete', () => {
    expect(hashTagOf('{rpo:wea')).to.equal('');
  });
});
