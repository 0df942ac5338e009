import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { startUpstream } from '../../support/upstream.js';
import { learning } from './testing.js';

describe('the 429 of rateLimit()', () => {
  it('names the advertised limit that is used up', async () => {
    const { url } = await learning((_req, res) => {
      res.writeHead(200, {
        'x-ratelimit-limit': '30',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': '60',
        'x-ratelimit-resource': 'search',
      });
      res.end();
    });
    await call(url);
    const refused = await call(url);
    expect(refused.status).to.equal(429);
    expect(refused.headers).to.include({
      ratelimit: '"search";r=0;t=60',
      'ratelimit-policy': '"search";q=30;w=60',
    });
    expect((refused.json() as { error: string }).error).to.include('"default" (search) reached (30 per 60 s');
  });

  it('names the path that was refused', async () => {
    const { url } = await learning((_req, res) => res.writeHead(429, { 'retry-after': '5' }).end());
    await call(`${url}/users/7`);
    const refused = await call(`${url}/users/8`);
    expect(refused.headers).to.include({ ratelimit: '"/users/:id";r=0;t=5' });
  });

  it('names the one of several configured limits', async () => {
    const { url } = await learning((_req, res) => res.end(), {
      name: 'llm',
      limit: 9,
      cost: 5,
      limits: [
        { limit: 8, windowMs: 1000 },
        { limit: 10, windowMs: 60_000, unit: 'tokens' },
      ],
    });
    await call(url);
    const refused = await call(url);
    expect(refused.headers).to.include({ 'ratelimit-policy': '"llm";q=9;w=60' });
    const other = await learning((_req, res) => res.end(), {
      limits: [{ limit: 10, windowMs: 60_000, unit: 'tokens' }],
      cost: 10,
    });
    await call(other.url);
    expect((await call(other.url)).headers).to.include({
      ratelimit: '"tokens per 60 s";r=0;t=60',
      'ratelimit-policy': '"tokens per 60 s";q=10;w=60',
    });
  });
});

describe('rateLimit() where the gateway owns the key', () => {
  /** An API that refuses its second call. */
  async function api(options: object) {
    let calls = 0;
    const upstream = await startUpstream((_req, res) => {
      calls++;
      res.writeHead(calls > 1 ? 429 : 200, { 'retry-after': '60' }).end();
    });
    const proxy = resilientProxy({
      name: 'x',
      target: upstream.url,
      rateLimit: {},
      retry: false,
      ...options,
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    return {
      upstream,
      get: async (path: string, headers = {}) => (await call(url + path, { headers })).status,
    };
  }

  it('gives a made-up credential no limit of its own, in a header or in the query', async () => {
    const { upstream, get } = await api({ headers: { 'X-Api-Key': 'ours' } });
    await get('/a');
    await get('/a');
    for (const headers of [{ authorization: 'Bearer made-up' }, { 'x-api-key': 'mine' }, { 'x-token': '1' }])
      expect(await get('/a', headers)).to.equal(429);
    for (const query of ['appid=1', 'api_key=2', 'access_token=3'])
      expect(await get(`/a?${query}`)).to.equal(429);
    expect(upstream.requests).to.have.length(2);
  });

  it('tells users apart by their keys where it does not own one, in the query as well', async () => {
    const { upstream, get } = await api({});
    await get('/a?appid=1');
    await get('/a?appid=1');
    expect(await get('/a?appid=1&q=2')).to.equal(429);
    expect(upstream.requests).to.have.length(2);
    await get('/a?appid=2');
    await get('/a', { 'x-api-key': '2' });
    expect(upstream.requests).to.have.length(4);
  });
});
