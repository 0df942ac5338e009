import { expect } from 'chai';
import { CREDENTIAL_HEADERS } from '../../../../lib/core/credential-headers.js';
import { credentialDigest, forwardedCredentials } from '../../../../lib/rate-limit/gate/credential.js';

const digest = credentialDigest(CREDENTIAL_HEADERS);

describe('credentialDigest()', () => {
  it('is empty without credentials', () => {
    expect(digest(['Accept', '*/*', 'Host', 'a'])).to.equal('');
  });

  it('tells users apart by each well-known header, in any letter case', () => {
    const digests = CREDENTIAL_HEADERS.map((name) => digest([name.toUpperCase(), 'secret']));
    expect(new Set(digests).size).to.equal(CREDENTIAL_HEADERS.length);
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
});

describe('forwardedCredentials()', () => {
  it('lists all if everything is forwarded', () => {
    expect(forwardedCredentials({})).to.deep.equal(CREDENTIAL_HEADERS);
  });

  it('leaves out headers that are injected, held back or not listed', () => {
    const without = (name: string) => CREDENTIAL_HEADERS.filter((header) => header !== name);
    expect(forwardedCredentials({ forwardCookies: false })).to.deep.equal(without('cookie'));
    expect(forwardedCredentials({ headers: { 'X-API-Key': 'mine' } })).to.deep.equal(without('x-api-key'));
    expect(forwardedCredentials({ forwardHeaders: ['Api-Key'] })).to.deep.equal(['api-key']);
    expect(forwardedCredentials({ forwardHeaders: false, forwardCookies: true })).to.deep.equal([]);
  });
});
