import { expect } from 'chai';
import { type CacheHandler, cache } from '../../../lib/cache/cache.js';
import { cacheOnDemand } from '../../../lib/cache/cache-on-demand.js';
import { serve } from '../../support/serve.js';

describe('cacheOnDemand()', () => {
  it('makes the cache with its first call, and only once', async () => {
    const { handler, made } = onDemand();
    expect(made).to.have.length(0);
    const { url } = await served(handler);
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await fetch(url)).headers.get('cache-status'));
    expect(made).to.have.length(1);
    expect(statuses[0]).to.include('fwd');
    expect(statuses[1]).to.include('hit');
    expect(handler.counts()).to.include({ entries: 1, hits: 1, misses: 1 });
  });

  it('has the counters of a new cache before that', () => {
    const { handler, made } = onDemand();
    expect(handler.counts()).to.deep.equal(cache().counts());
    expect(made).to.have.length(0);
  });

  it('refuses a purge that a cache refuses, and has its keys', async () => {
    const { handler } = onDemand();
    const refusal = await handler.purge({ prefix: '/x?y' }).catch((error: unknown) => error);
    expect(refusal).to.have.property('code', 'ERR_INVALID_OPTION');
    expect(await onDemand().handler.purge({ prefix: '/' })).to.equal(0);
    const request = { url: '/a', host: 'x.test' };
    expect(onDemand().handler.keyOf(request)).to.equal(cache(OPTIONS).keyOf(request));
  });

  it('refuses calls after it was closed, whether it had been made or not', async () => {
    for (const calls of [0, 1]) {
      const { handler } = onDemand();
      const { url } = await served(handler);
      for (let i = 0; i < calls; i++) await fetch(url);
      await handler.close();
      const response = await fetch(url);
      expect(response.status).to.equal(503);
      expect(await response.json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
    }
  });
});

const OPTIONS = { name: 'x', mode: 'ttl', ttlMs: 60_000 } as const;

function onDemand(): { handler: CacheHandler; made: CacheHandler[] } {
  const made: CacheHandler[] = [];
  const handler = cacheOnDemand(() => {
    const one = cache(OPTIONS);
    made.push(one);
    return one;
  });
  return { handler, made };
}

const served = (handler: CacheHandler) =>
  serve((req, res, next) => handler(req, res, (error) => (error ? next(error) : void res.end('ok'))));
