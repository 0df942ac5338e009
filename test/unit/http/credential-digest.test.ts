import { expect } from 'chai';
import { credentialDigest } from '../../../lib/http/credential-digest.js';
import { forwardedHeaders } from '../../../lib/http/forwarded-headers.js';

const digest = credentialDigest({});
const NAMES = ['authorization', 'cookie', 'x-api-key', 'api-key', 'x-auth-token', 'x-goog-api-key', 'apikey'];

describe('credentialDigest()', () => {
  it('is empty without credentials', () => {
    expect(digest(['Accept', '*/*', 'Host', 'a'])).to.equal('');
  });

  it('tells users apart by each header with a credential, in any letter case', () => {
    const digests = NAMES.map((name) => digest([name.toUpperCase(), 'secret']));
    expect(new Set(digests).size).to.equal(NAMES.length);
    expect(digest(['authorization', 'a'])).to.equal(digest(['Authorization', 'a']));
    expect(digest(['authorization', 'a'])).to.not.equal(digest(['authorization', 'b']));
  });

  it('is the same for headers in any order, and differs for headers that only look alike', () => {
    const both = ['x-api-key', '1', 'api-key', '2'];
    expect(digest(both)).to.equal(digest(['api-key', '2', 'x-api-key', '1']));
    expect(digest(both)).to.not.equal(digest(['x-api-key', '1\napi-key 1 2']));
  });

  it('contains nothing of the credential', () => {
    expect(digest(['authorization', 'Bearer abcdefgh'])).to.match(/^[\w-]{16}$/);
  });

  it('remembers the right one of many that come again', () => {
    const users = Array.from({ length: 2000 }, (_, i) => [
      'Authorization',
      `Bearer ${'x'.repeat(i % 40)}${i}`,
    ]);
    const once = users.map((user) => digest(user));
    expect(new Set(once).size).to.equal(users.length);
    expect(users.map((user) => credentialDigest({})(user))).to.deep.equal(once);
    expect(users.map((user) => digest(user))).to.deep.equal(once);
    const long = ['Authorization', 'x'.repeat(5000)];
    expect(digest(long)).to.equal(digest([...long]));
    expect(digest(long)).not.to.equal(digest(['Cookie', 'x'.repeat(5000)]));
    expect(digest(['Cookie', 'a'])).not.to.equal(digest(['Authorization', 'a']));
  });

  it('takes the additions and exceptions of the owner', () => {
    const own = credentialDigest({ also: ['X-Tenant'], except: ['x-session-region'] });
    expect(own(['x-tenant', 'a'])).not.to.equal('');
    expect(own(['X-Session-Region', 'a'])).to.equal('');
  });

  it('leaves out headers that are injected, held back or not listed', () => {
    const counts = (api: Parameters<typeof forwardedHeaders>[0]) => {
      const of = credentialDigest({}, forwardedHeaders(api));
      return NAMES.filter((name) => of([name, 'x']) !== '');
    };
    const without = (name: string) => NAMES.filter((header) => header !== name);
    expect(counts({})).to.deep.equal(NAMES);
    expect(counts({ forwardCookies: false })).to.deep.equal(without('cookie'));
    expect(counts({ headers: { 'X-API-Key': 'mine' } })).to.deep.equal(without('x-api-key'));
    expect(counts({ forwardHeaders: ['Api-Key'] })).to.deep.equal(['api-key']);
    expect(counts({ forwardHeaders: false, forwardCookies: true })).to.deep.equal([]);
  });
});
