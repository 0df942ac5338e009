import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { InvalidOptionError } from '../../../lib/core/errors.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { startUpstream } from '../../support/upstream.js';

describe('resilientProxy() with cacheBytes', () => {
  it('bounds the memory of all caches together', async () => {
    const upstream = await startUpstream((_req, res) => void res.end('x'.repeat(10_000)));
    const api = { target: upstream.url, cache: {} };
    const proxy = resilientProxy({ cacheBytes: 100_000, stats: false, apis: { idle: api, busy: api } });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    for (let i = 0; i < 8; i++) await call(`${url}/idle/${i}`);
    for (let i = 0; i < 20; i++) await call(`${url}/busy/${i}`);
    const [idle, busy] = ['idle', 'busy'].map((name) => proxy.apis.get(name)?.cache?.counts());
    expect([idle?.entries, idle?.evictions]).to.deep.equal([0, 8]);
    expect(busy?.bytes).to.be.within(50_000, 100_000);
  });

  it('refuses what is no size, in code as in a file', () => {
    const target = 'http://127.0.0.1:1';
    const file = (bytes: string) =>
      parseConfig(`cacheBytes: ${bytes}\napis: { a: { target: "${target}" } }`, { env: {} });
    expect(file('4096').config.cacheBytes).to.equal(4096);
    expect(() => file('10')).to.throw(/cacheBytes/);
    expect(() => resilientProxy({ cacheBytes: 10, name: 'a', target })).to.throw(
      InvalidOptionError,
      /cacheBytes/,
    );
  });
});
