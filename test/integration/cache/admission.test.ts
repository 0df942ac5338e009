import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { startUpstream } from '../../support/upstream.js';

for (const transport of ['undici', 'node'] as const) {
  describe(`cache() whose memory is full, by ${transport}`, () => {
    async function fullCache(maxBytes: number) {
      const upstream = await startUpstream((_req, res) => void res.end('x'.repeat(40_000)));
      const proxy = resilientProxy({ name: 'a', target: upstream.url, transport, cache: { maxBytes } });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      const handler = proxy.apis.get('a')?.cache;
      const get = async (path: string) => (await call(`${url}${path}`)).headers['cache-status'];
      return { get, upstream, handler };
    }

    it('keeps what is requested often while a crawler requests new keys', async () => {
      const { get, handler } = await fullCache(1024 * 1024);
      for (let i = 0; i < 3; i++) for (let hot = 0; hot < 10; hot++) await get(`/hot/${hot}`);
      for (let i = 0; i < 60; i++) await get(`/crawl/${i}`);
      for (let hot = 0; hot < 10; hot++) expect(await get(`/hot/${hot}`)).to.contain('; hit');
      expect(handler?.counts().notStored['rarely-requested']).to.be.within(30, 50);
      expect(handler?.counts().bytes).to.be.at.most(1024 * 1024);
    });

    it('stores a new key once it is requested again, and says why not before', async () => {
      const { get } = await fullCache(1024 * 1024);
      for (let i = 0; i < 30; i++) await get(`/crawl/${i}`);
      expect(await get('/new')).to.contain('fwd=uri-miss; detail=rarely-requested');
      expect(await get('/new')).to.contain('fwd=uri-miss; stored');
      expect(await get('/new')).to.contain('; hit');
    });

    it('stores what is requested by several at the same time', async () => {
      const { get, upstream } = await fullCache(1024 * 1024);
      for (let i = 0; i < 30; i++) await get(`/crawl/${i}`);
      const before = upstream.requests.length;
      await Promise.all(Array.from({ length: 5 }, () => get('/together')));
      expect(await get('/together')).to.contain('; hit');
      expect(upstream.requests.length - before).to.equal(1);
    });

    it('keeps what was used last where its memory is small', async () => {
      const { get, handler } = await fullCache(200_000);
      for (let i = 0; i < 20; i++) expect(await get(`/${i}`)).to.contain('; stored');
      expect(await get('/19')).to.contain('; hit');
      expect(handler?.counts().evictions).to.be.above(10);
    });
  });
}
