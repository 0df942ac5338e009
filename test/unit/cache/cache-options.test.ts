import { expect } from 'chai';
import {
  type CacheOptions,
  cachePolicy,
  cacheSchema,
  resolveCache,
} from '../../../lib/cache/cache-options.js';
import { standaloneSite } from '../../../lib/cache/cache-site.js';
import { MemoryStore } from '../../../lib/cache/store/memory-store.js';
import { InvalidOptionError } from '../../../lib/core/errors.js';

const refusal = (options: unknown): string => {
  try {
    resolveCache(options as CacheOptions);
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message;
    throw error;
  }
  return 'taken';
};

describe('resolveCache()', () => {
  it('fills in every default, and freezes', () => {
    const resolved = resolveCache({ ttlMs: undefined });
    expect(resolved).to.deep.equal({
      mode: 'ttl',
      ttlMs: 60_000,
      methods: ['GET'],
      headerStrategy: 'none',
      headers: [],
      override: false,
      setCookie: 'bypass',
      storeEventStreams: false,
      omitHeaders: [],
      sharedAcrossCredentials: false,
      credentialHeaders: [],
      credentialExceptions: [],
      sortQuery: false,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 86_400_000,
      keepForValidationMs: 3_600_000,
      maxBytes: 67_108_864,
      maxEntryBytes: 1_048_576,
      coalesce: true,
      coalesceTimeoutMs: 10_000,
      finishAbandoned: true,
      cacheStatus: 'resilient-proxy-out',
      store: 'memory',
      name: 'default',
      prefix: 'rpo',
    });
    expect(Object.isFrozen(resolved)).to.equal(true);
  });

  for (const [name, wrong, says] of [
    ['mode', 'rfc', /mode must be "ttl" or "standard"; received "rfc"/],
    ['ttlMs', 0, /ttlMs must be at least 1; received 0/],
    ['methods', ['get'], /methods\[0\] must be a method in capitals/],
    ['methods', [], /methods must be at least 1 entries/],
    ['headerStrategy', 'some', /headerStrategy must be "none" or "all" or "listed"/],
    ['headers', ['a b'], /headers\[0\] must be a header name/],
    ['statuses', [99], /statuses\[0\] must be at least 200/],
    ['override', 'yes', /override must be a boolean/],
    ['setCookie', true, /setCookie must be "bypass" or "strip" or "store"/],
    ['storeEventStreams', 1, /storeEventStreams must be a boolean/],
    ['omitHeaders', ['a b'], /omitHeaders\[0\]/],
    ['credentialExceptions', 'x', /credentialExceptions must be an array/],
    ['sortQuery', 'yes', /sortQuery must be a boolean/],
    ['prefix', '', /prefix must be at least 1/],
    ['sharedAcrossCredentials', 1, /sharedAcrossCredentials must be a boolean/],
    ['credentialHeaders', ['x:y'], /credentialHeaders\[0\] must be a header name/],
    ['staleWhileRevalidateMs', -1, /staleWhileRevalidateMs must be at least 0/],
    ['staleIfErrorMs', -1, /staleIfErrorMs must be at least 0/],
    ['keepForValidationMs', Number.NaN, /keepForValidationMs must be a number/],
    ['maxBytes', 10, /maxBytes must be at least 1024/],
    ['maxEntryBytes', 1.5, /maxEntryBytes must be a whole number/],
    ['coalesce', 'no', /coalesce must be a boolean/],
    ['coalesceTimeoutMs', 0, /coalesceTimeoutMs must be at least 1/],
    ['cacheStatus', 'a\nb', /cacheStatus must be 1 to 64 printable ASCII characters/],
    ['key', 'x', /key must be a function/],
    ['tags', [], /tags must be a function/],
    ['store', 'redis', /store must be 'memory' or a CacheStore/],
    ['store', {}, /store must be 'memory' or a CacheStore/],
    ['name', '', /name must be at least 1/],
    ['ttl', 1, /ttl is not an option of cache \(did you mean ttlMs\?\)/],
  ] as [string, unknown, RegExp][]) {
    it(`refuses ${name}: ${JSON.stringify(wrong)}`, () => {
      expect(refusal({ [name]: wrong })).to.match(says);
    });
  }

  it('takes a store of its own kind', () => {
    expect(refusal({ store: new MemoryStore() })).to.equal('taken');
    expect(Object.keys(cacheSchema.shape)).to.include.members(['store', 'key', 'tags', 'name']);
  });
});

describe('cachePolicy()', () => {
  it("lets a client's reload through in 'standard' mode only, and never keeps HEAD by itself", () => {
    const ttl = cachePolicy(resolveCache({ methods: ['GET', 'HEAD'], statuses: [200] }), standaloneSite);
    expect(ttl.requestFreshness).to.equal(false);
    expect([...ttl.methods]).to.deep.equal(['GET']);
    expect(ttl.statuses).to.deep.equal(new Set([200]));
    expect(cachePolicy(resolveCache({ mode: 'standard' }), standaloneSite).requestFreshness).to.equal(true);
  });
});
