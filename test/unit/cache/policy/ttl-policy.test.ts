import { expect } from 'chai';
import { isCachedMethod, isTtlStatus } from '../../../../lib/cache/policy/ttl-policy.js';
import { headerValue } from '../../../../lib/http/headers.js';
import { get, NOW, policy, refusal, SECOND, stored } from './stored-entry.js';

const TTL = { mode: 'ttl' } as const;

describe('ttl mode', () => {
  for (const control of ['max-age=0', 'no-cache', 'max-age=86400', 's-maxage=1, must-revalidate']) {
    it(`stores a response for ttlMs whatever ${control} says`, () => {
      const meta = stored({ 'Cache-Control': control, Expires: '0' }, {}, TTL);
      expect(meta.freshUntil).to.equal(NOW + 60 * SECOND);
      expect(meta.staleForbidden).to.equal(false);
    });
  }

  it('stores what is private for one credential alone, unless override', () => {
    const headers = { 'Cache-Control': 'private, max-age=60' };
    expect(refusal(headers, {}, TTL)).to.equal('private');
    expect(refusal(headers, {}, TTL, { ...get(), personal: true })).to.equal(undefined);
    expect(refusal(headers, {}, { ...TTL, override: true })).to.equal(undefined);
  });

  it('stores a response without any freshness', () => {
    expect(stored({}, {}, TTL).freshUntil).to.equal(NOW + 60 * SECOND);
  });

  it('stores a response for ttlMs however old it is, with its true age', () => {
    const meta = stored({ Age: '600' }, {}, TTL);
    expect(meta.freshUntil).to.equal(NOW + 60 * SECOND);
    expect(meta.bornAt).to.equal(NOW - 600 * SECOND);
  });

  it('respects the upstream’s no-store, unless override', () => {
    expect(refusal({ 'Cache-Control': 'no-store' }, {}, TTL)).to.equal('no-store');
    expect(refusal({ 'Cache-Control': 'no-store' }, {}, { ...TTL, override: true })).to.equal(undefined);
  });

  it('respects the client’s no-store, also with override', () => {
    const request = get(['Cache-Control', 'no-store']);
    expect(refusal({}, {}, { ...TTL, override: true }, request)).to.equal('request-no-store');
  });

  it('stores responses to requests with credentials, since those are in the key', () => {
    expect(refusal({}, {}, TTL, get(['Authorization', 'x']))).to.equal(undefined);
  });

  it('never stores a cookie unless configured', () => {
    expect(refusal({ 'Set-Cookie': 'a=b' }, {}, TTL)).to.equal('set-cookie');
    expect(refusal({ 'Set-Cookie': 'a=b' }, {}, { ...TTL, override: true })).to.equal('set-cookie');
    expect(refusal({ 'Set-Cookie': 'a=b' }, {}, { ...TTL, setCookie: 'store' })).to.equal(undefined);
  });

  it('omits the headers that the upstream marks private, unless override', () => {
    const headers = { 'Cache-Control': 'private="x-user"', 'X-User': 'ann' };
    expect(headerValue(stored(headers, {}, TTL).rawHeaders, 'x-user')).to.equal(undefined);
    expect(headerValue(stored(headers, {}, { ...TTL, override: true }).rawHeaders, 'x-user')).to.equal('ann');
  });

  it('looks up HEAD with GET', () => {
    const [read, search] = [policy(TTL), policy({ ...TTL, methods: new Set(['SEARCH']) })];
    expect([isCachedMethod(read, 'HEAD'), isCachedMethod(read, 'GET')]).to.deep.equal([true, true]);
    expect([isCachedMethod(search, 'HEAD'), isCachedMethod(search, 'GET')]).to.deep.equal([false, false]);
    expect([isCachedMethod(read, 'SEARCH'), isCachedMethod(search, 'SEARCH')]).to.deep.equal([false, true]);
  });

  it('revalidates a GET, and stores no POST for its Content-Location', () => {
    expect(stored({ ETag: '"a"' }, {}, TTL).revalidatable).to.equal(true);
    const post = { ...get(), method: 'POST' };
    const own = { 'Content-Location': 'http://origin.test/path', 'Cache-Control': 'max-age=60' };
    expect(refusal(own, {}, TTL, post)).to.equal('method');
  });

  it('stores no status that is neither below 400 nor configured', () => {
    expect(refusal({}, { status: 404 }, TTL)).to.equal('status');
    expect(refusal({}, { status: 404 }, { ...TTL, statuses: new Set([404]) })).to.equal(undefined);
  });

  it('respects Vary', () => {
    expect(stored({ Vary: 'Foo' }, {}, TTL).varyNames).to.deep.equal(['foo']);
    expect(refusal({ Vary: '*' }, {}, TTL)).to.equal('vary');
  });

  it('stores a POST where methods lists it, and does not revalidate it', () => {
    const methods = new Set(['GET', 'POST']);
    const post = { ...get(), method: 'POST' };
    expect(refusal({}, {}, TTL, post)).to.equal('method');
    expect(stored({ ETag: '"a"' }, {}, { ...TTL, methods }, post).revalidatable).to.equal(false);
  });

  it('uses the stale windows of the policy', () => {
    const windows = { staleWhileRevalidateMs: 5000, staleIfErrorMs: 9000 };
    const meta = stored({ 'Cache-Control': 'must-revalidate' }, {}, { ...TTL, ...windows });
    expect(meta.staleWhileRevalidateUntil - meta.freshUntil).to.equal(5000);
    expect(meta.staleIfErrorUntil - meta.freshUntil).to.equal(9000);
  });
});

describe('isTtlStatus()', () => {
  it('is every final status below 400 by default', () => {
    for (const status of [200, 204, 301, 302, 399]) expect(isTtlStatus(policy(TTL), status)).to.equal(true);
    for (const status of [103, 400, 404, 500]) expect(isTtlStatus(policy(TTL), status)).to.equal(false);
  });

  it('is what was configured', () => {
    const configured = policy({ ...TTL, statuses: new Set([404]) });
    expect(isTtlStatus(configured, 404)).to.equal(true);
    expect(isTtlStatus(configured, 200)).to.equal(false);
  });

  for (const status of [206, 304, 412, 416, 429]) {
    it(`is never ${status}, configured or not`, () => {
      expect(isTtlStatus(policy({ ...TTL, statuses: new Set([status]) }), status)).to.equal(false);
    });
  }
});

describe('isCachedMethod()', () => {
  it('is GET and HEAD in standard mode', () => {
    const standard = policy({ methods: new Set(['GET', 'POST']) });
    expect(['GET', 'HEAD', 'POST'].map((method) => isCachedMethod(standard, method))).to.deep.equal([
      true,
      true,
      false,
    ]);
  });

  it('is what was configured in ttl mode, HEAD with GET', () => {
    const ttl = policy({ ...TTL, methods: new Set(['POST']) });
    expect(['GET', 'HEAD', 'POST'].map((method) => isCachedMethod(ttl, method))).to.deep.equal([
      false,
      false,
      true,
    ]);
  });
});
