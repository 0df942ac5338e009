import { expect } from 'chai';
import { type CacheOptions, resolveCache } from '../../../lib/cache/cache-options.js';
import { apiSite, standaloneSite } from '../../../lib/cache/cache-site.js';
import { checkedExtra, siteKeys } from '../../../lib/cache/site-keys.js';
import type { ForwardFacts } from '../../../lib/core/part.js';

const TARGET = 'https://api.example/v1';

function prefixOf(api: ForwardFacts, options: CacheOptions = {}, responses?: unknown): string {
  return siteKeys(resolveCache({ name: 'crm', ...options }), apiSite(api, { responses })).apiPrefix;
}

describe('siteKeys()', () => {
  it('are the same for the same configuration, whatever the order of its options', () => {
    const rewrite = { pathRewrite: { '^/a': '/b' } };
    expect(prefixOf({ target: TARGET, ...rewrite })).to.equal(prefixOf({ ...rewrite, target: TARGET }));
    expect(prefixOf({ target: TARGET })).to.equal(prefixOf({ target: new URL(TARGET) }));
    expect(prefixOf({ target: TARGET })).to.match(/^\{rpo:crm\.[\w-]{12}\}:$/);
  });

  it('differ by target, router, rewrites, stages, mode, rules and prefix', () => {
    const prefixes = [
      prefixOf({ target: TARGET }),
      prefixOf({ target: 'https://api.example/v2' }),
      prefixOf({ target: TARGET, router: { 'a.example': 'https://a.test' } }),
      prefixOf({ target: TARGET, pathRewrite: { '^/a': '/b' } }),
      prefixOf({ target: TARGET, pathRewrite: (path: string) => path.toLowerCase() }),
      prefixOf({ target: TARGET }, {}, [{ before: 'forward', handler: () => 1 }]),
      prefixOf({ target: TARGET }, { mode: 'standard' }),
      prefixOf({ target: TARGET }, { sharedAcrossCredentials: true }),
      prefixOf({ target: TARGET }, { sortQuery: true }),
      prefixOf({ target: TARGET }, { prefix: 'staging' }),
    ];
    expect(new Set(prefixes).size).to.equal(prefixes.length);
  });

  it('are the same whatever the credentials, which each key has of its own', () => {
    const api = { target: TARGET };
    const keyOf = (one: ForwardFacts) =>
      siteKeys(resolveCache({ name: 'crm' }), apiSite(one)).key({ method: 'GET', url: '/', rawHeaders: [] });
    for (const other of [
      { target: 'https://u:p@api.example/v1' },
      { ...api, headers: { 'X-Api-Key': '1' } },
    ]) {
      expect(prefixOf(other)).to.equal(prefixOf(api));
      expect(keyOf(other)).not.to.equal(keyOf(api));
    }
  });

  it('have all headers where a function chooses by the request, and its host', () => {
    const keyOf = (api: ForwardFacts, rawHeaders: string[]) =>
      siteKeys(resolveCache({}), apiSite(api)).key({ method: 'GET', url: '/', rawHeaders });
    const router = (req: { headers: object }) => String(req.headers);
    for (const header of ['X-Region', 'Host', 'Cookie']) {
      const chosen = { target: TARGET, changeOrigin: true, router };
      expect(keyOf(chosen, [header, 'a'])).not.to.equal(keyOf(chosen, [header, 'b']));
      const fixed = { target: TARGET, changeOrigin: true, forwardCookies: false };
      expect(keyOf(fixed, [header, 'a'])).to.equal(keyOf(fixed, [header, 'b']));
    }
    const ofPath = { target: TARGET, changeOrigin: true, pathRewrite: (path: string) => path };
    expect(keyOf(ofPath, ['X-Region', 'a'])).to.equal(keyOf(ofPath, ['X-Region', 'b']));
    const ofAll = { ...ofPath, pathRewrite: (...args: unknown[]) => String(args[1]) };
    expect(keyOf(ofAll, ['X-Region', 'a'])).not.to.equal(keyOf(ofAll, ['X-Region', 'b']));
  });

  it('have the host where a Location is rewritten to it', () => {
    const keyOf = (host: string) =>
      siteKeys(resolveCache({}), apiSite({ target: TARGET, changeOrigin: true, autoRewrite: true })).key({
        method: 'GET',
        url: '/',
        rawHeaders: ['Host', host],
      });
    expect(keyOf('a.example')).not.to.equal(keyOf('b.example'));
  });

  it('have host and scheme in front of an application', () => {
    const keys = siteKeys(resolveCache({}), standaloneSite);
    const of = (host: string, encrypted: boolean) =>
      keys.key({ method: 'GET', url: '/', rawHeaders: ['Host', host], encrypted });
    expect(new Set([of('a', false), of('b', false), of('a', true), of('b', true)]).size).to.equal(4);
    expect([of('a', false), of('a', true)]).to.deep.equal([of('A', false), of('A', true)]);
  });
});

describe('checkedExtra()', () => {
  it('takes a string or undefined, and nothing that would be the same for everyone', () => {
    expect([checkedExtra('a'), checkedExtra(undefined)]).to.deep.equal(['a', undefined]);
    for (const wrong of [{ tenant: 1 }, 7, null, true, ['a']])
      expect(() => checkedExtra(wrong)).to.throw(TypeError, 'cache.key must return a string or undefined');
  });

  it('refuses a promise, and leaves none behind that would end the process', async () => {
    const rejected = Promise.reject(new Error('no'));
    expect(() => checkedExtra(rejected)).to.throw(TypeError, 'cache.key must not be an async function');
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('standaloneSite.rewritten()', () => {
  for (const [originalUrl, baseUrl, url, expected] of [
    [undefined, undefined, '/a', undefined],
    ['/a', '', '/a', undefined],
    ['/x/a?q', '/x', '/a?q', undefined],
    ['/x', '/x', '/', undefined],
    ['/x?q', '/x', '/?q', undefined],
    ['/items', '', '/v2/items', '/v2/items'],
    ['/x/items', '/x', '/v2/items', '/v2/items'],
    ['/x/a', undefined, '/a', '/a'],
    [undefined, undefined, 'http://other.example/a', 'http://other.example/a'],
  ] as const) {
    it(`is ${expected} for ${originalUrl} mounted at ${baseUrl} with ${url}`, () => {
      expect(standaloneSite.rewritten({ originalUrl, baseUrl, url } as never)).to.equal(expected);
    });
  }
});
