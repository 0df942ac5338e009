import { expect } from 'chai';
import type { CachePolicy } from '../../../../lib/cache/policy/cache-policy.js';
import { decideLookup } from '../../../../lib/cache/policy/lookup-decision.js';
import { get, NOW, policy, SECOND, stored } from './stored-entry.js';

const FRESH = { meta: stored({ 'Cache-Control': 'max-age=100, stale-if-error=50', ETag: '"a"' }) };
const FRESH_UNTIL = NOW + 100 * SECOND;

/** What a GET gets `seconds` after the response was stored. */
function lookup(
  seconds: number,
  cacheControl?: string,
  variant: typeof FRESH = FRESH,
  using: Partial<CachePolicy> = {},
) {
  const rawHeaders = cacheControl === undefined ? [] : ['Cache-Control', cacheControl];
  return decideLookup([variant], { method: 'GET', rawHeaders }, policy(using), NOW + seconds * SECOND);
}

describe('decideLookup()', () => {
  it('is a hit while fresh, for GET and HEAD', () => {
    expect(lookup(99)).to.deep.equal({ type: 'hit', variant: FRESH, stale: false });
    const head = { method: 'HEAD', rawHeaders: [] };
    expect(decideLookup([FRESH], head, policy(), NOW).type).to.equal('hit');
  });

  it('revalidates when stale, and may be used on an error within its window', () => {
    expect(lookup(100)).to.deep.equal({
      type: 'revalidate',
      variant: FRESH,
      reason: 'stale',
      conditional: true,
      usableOnErrorUntil: FRESH_UNTIL + 50 * SECOND,
    });
  });

  it('revalidates without a condition where there is no validator', () => {
    const plain = { meta: stored({ 'Cache-Control': 'max-age=1' }) };
    expect(lookup(1, undefined, plain)).to.include({ type: 'revalidate', conditional: false });
  });

  it('is stale while revalidating within the window, and revalidates after it', () => {
    const swr = { meta: stored({ 'Cache-Control': 'max-age=1, stale-while-revalidate=4' }) };
    expect(lookup(3, undefined, swr)).to.deep.equal({ type: 'stale-while-revalidate', variant: swr });
    expect(lookup(5, undefined, swr).type).to.equal('revalidate');
  });

  for (const directive of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=2']) {
    it(`is never used on an error after ${directive}`, () => {
      const control = `max-age=2, ${directive}, stale-if-error=60`;
      const strict = {
        meta: stored({ 'Cache-Control': control, ETag: '"a"' }, {}, { staleIfErrorMs: 60_000 }),
      };
      const decision = lookup(3, undefined, strict);
      expect(decision.type === 'revalidate' && decision.usableOnErrorUntil).to.be.at.most(NOW + 2 * SECOND);
    });
  }

  it('revalidates no-cache at once', () => {
    const unready = { meta: stored({ 'Cache-Control': 'no-cache', ETag: '"a"' }) };
    expect(lookup(0, undefined, unready)).to.include({ type: 'revalidate', conditional: true });
  });

  it('misses an unknown key and another variant for different reasons', () => {
    expect(decideLookup([], get(), policy(), NOW)).to.deep.equal({ type: 'miss', reason: 'uri-miss' });
    const varied = { meta: stored({ 'Cache-Control': 'max-age=100', Vary: 'Foo' }) };
    const decision = decideLookup([varied], get(['Foo', '2']), policy(), NOW);
    expect(decision).to.deep.equal({ type: 'miss', reason: 'vary-miss' });
  });

  it('forwards methods that are not stored', () => {
    const post = { method: 'POST', rawHeaders: [] };
    expect(decideLookup([FRESH], post, policy(), NOW)).to.deep.equal({ type: 'forward', reason: 'method' });
    const reading = policy({ mode: 'ttl', methods: new Set(['GET', 'POST']) });
    expect(decideLookup([FRESH], post, reading, NOW).type).to.equal('hit');
  });

  it('forwards a request with no-store', () => {
    expect(lookup(0, 'no-store')).to.deep.equal({ type: 'forward', reason: 'request' });
  });

  it('revalidates for a request with no-cache, and uses nothing on an error', () => {
    expect(lookup(0, 'no-cache')).to.include({
      type: 'revalidate',
      reason: 'request',
      conditional: true,
      usableOnErrorUntil: 0,
    });
  });

  it('revalidates for a request with Pragma: no-cache', () => {
    const decision = decideLookup([FRESH], get(['Pragma', 'no-cache']), policy(), NOW);
    expect(decision).to.include({ type: 'revalidate', reason: 'request' });
  });

  it('revalidates for max-age and min-fresh, and may be used on an error all the same', () => {
    for (const control of ['max-age=0', 'max-age=5', 'min-fresh=200']) {
      expect(lookup(10, control), control).to.include({
        type: 'revalidate',
        reason: 'request',
        usableOnErrorUntil: FRESH_UNTIL + 50 * SECOND,
      });
    }
  });

  it('is a stale hit where the client accepts it', () => {
    expect(lookup(110, 'max-stale=1000')).to.deep.equal({ type: 'hit', variant: FRESH, stale: true });
  });

  it('lets a client shorten the window for errors, not lengthen it', () => {
    const shorter = lookup(110, 'stale-if-error=20');
    expect(shorter.type === 'revalidate' && shorter.usableOnErrorUntil).to.equal(FRESH_UNTIL + 20 * SECOND);
    const longer = lookup(110, 'stale-if-error=9999');
    expect(longer.type === 'revalidate' && longer.usableOnErrorUntil).to.equal(FRESH_UNTIL + 50 * SECOND);
  });

  it('serves only-if-cached from the store or not at all', () => {
    expect(lookup(0, 'only-if-cached').type).to.equal('hit');
    expect(lookup(110, 'only-if-cached')).to.deep.equal({ type: 'only-if-cached', reason: 'stale' });
    expect(lookup(0, 'only-if-cached, no-cache')).to.deep.equal({
      type: 'only-if-cached',
      reason: 'request',
    });
    expect(lookup(0, 'only-if-cached, no-store')).to.deep.equal({
      type: 'only-if-cached',
      reason: 'request',
    });
    const request = get(['Cache-Control', 'only-if-cached']);
    expect(decideLookup([], request, policy(), NOW)).to.deep.equal({
      type: 'only-if-cached',
      reason: 'uri-miss',
    });
  });

  it('ignores a client’s freshness directives where configured, but not no-store and only-if-cached', () => {
    const firm = { requestFreshness: false };
    expect(lookup(0, 'no-cache, max-age=0', FRESH, firm).type).to.equal('hit');
    expect(lookup(0, 'no-store', FRESH, firm).type).to.equal('forward');
    expect(lookup(110, 'only-if-cached', FRESH, firm).type).to.equal('only-if-cached');
  });
});
