import { expect } from 'chai';
import { type ResilientProxyConfig, requestId, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { hangUp, startUpstream, status, text, type Upstream } from '../../support/upstream.js';

const MADE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const sentIds = ({ requests }: Upstream) => requests.map(({ headers }) => headers['x-request-id']);

for (const transport of TRANSPORTS) {
  describe(`requestId(), over the ${transport} transport`, () => {
    async function start(upstream: { url: string }, options: Partial<ResilientProxyConfig> = {}) {
      const proxy = resilientProxy({
        name: 'x',
        target: upstream.url,
        transport,
        retry: false,
        requestId: true,
        ...options,
      } as ResilientProxyConfig);
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      return { proxy, get: (options: CallOptions = {}) => call(`${url}/a`, options) };
    }
    const withId = (id: string | string[]) => ({ headers: { 'X-Request-Id': id } });

    it('takes the id of the client, and sends it to the target and back', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream);
      const response = await get(withId('req-1'));
      expect(response.lines('x-request-id')).to.deep.equal(['req-1']);
      expect(sentIds(upstream)).to.deep.equal(['req-1']);
    });

    it('makes one where the client has none', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream);
      const { headers } = await get();
      expect(headers['x-request-id']).to.match(MADE);
      expect(sentIds(upstream)).to.deep.equal([headers['x-request-id']]);
    });

    it('makes one in place of what no log should hold', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream, { forwardHeaders: true });
      const bad = ['a b', '<script>', 'x'.repeat(129), '$(id)', 'é', '"', ['one', 'two']];
      for (const id of bad) expect((await get(withId(id))).headers['x-request-id']).to.match(MADE);
      for (const id of sentIds(upstream)) expect(id).to.match(MADE);
      const good = ['x'.repeat(128), '4bf92f3577b34da6', 'Root=1-67891233-abcdef', 'a/b+c=:._-'];
      for (const id of good) expect((await get(withId(id))).headers['x-request-id']).to.equal(id);
    });

    it('makes one for each call where it takes none', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream, { requestId: { accept: false }, forwardHeaders: true });
      const { headers } = await get(withId('req-1'));
      expect(headers['x-request-id']).to.match(MADE);
      expect(sentIds(upstream)).to.deep.equal([headers['x-request-id']]);
    });

    it('leaves the one that the target responds with, and repeats none', async () => {
      const upstream = await startUpstream([
        text('ok', { 'x-request-id': 'req_of_the_api' }),
        (req, res) => res.writeHead(200, { 'X-Request-ID': String(req.headers['x-request-id']) }).end('ok'),
      ]);
      const { get } = await start(upstream);
      expect((await get(withId('req-1'))).lines('x-request-id')).to.deep.equal(['req_of_the_api']);
      expect((await get(withId('req-2'))).lines('x-request-id')).to.deep.equal(['req-2']);
    });

    it('is on an error response, and among the recent errors', async () => {
      const { get, proxy } = await start({ url: `http://127.0.0.1:${await unusedPort()}` });
      expect((await get(withId('req-1'))).lines('x-request-id')).to.deep.equal(['req-1']);
      const made = (await get()).headers['x-request-id'];
      const { recentErrors } = (await proxy.stats?.view({ api: 'x', period: 'all' })) ?? {};
      expect(recentErrors?.map(({ requestId }) => requestId)).to.have.members(['req-1', made]);
    });

    it('is that of the call on a stored response, and on one that calls share', async () => {
      const upstream = await startUpstream((_req, res) => {
        setTimeout(() => res.writeHead(200, { 'x-request-id': 'of-the-first' }).end('ok'), 20);
      });
      const { get } = await start(upstream, { cache: { ttlMs: 60_000 } });
      const shared = await Promise.all(['req-1', 'req-2'].map((id) => get(withId(id))));
      expect(upstream.requests).to.have.length(1);
      const leader = String(sentIds(upstream)[0]);
      for (const [i, { headers }] of shared.entries()) {
        const own = `req-${i + 1}`;
        expect(headers['x-request-id']).to.equal(own === leader ? 'of-the-first' : own);
      }
      expect((await get(withId('req-3'))).lines('x-request-id')).to.deep.equal(['req-3']);
    });

    it('is the same for all attempts of a call', async () => {
      const upstream = await startUpstream([hangUp, status(503), text('ok')]);
      const { get } = await start(upstream, { retry: { maxAttempts: 3, initialDelayMs: 1 } });
      const { headers } = await get();
      expect(sentIds(upstream)).to.deep.equal(Array(3).fill(headers['x-request-id']));
    });

    it('is that of the client on what the cache renews behind its response', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream, { cache: { ttlMs: 1, staleWhileRevalidateMs: 60_000 } });
      await get(withId('req-1'));
      const storedBy = Date.now();
      await until(() => Date.now() > storedBy + 1);
      await get(withId('req-2'));
      await until(() => upstream.requests.length === 2);
      expect(sentIds(upstream)).to.deep.equal(['req-1', 'req-2']);
    });

    it('gives way to one that the options of the API set', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream, { headers: { 'x-request-id': 'ours' } });
      await get(withId('req-1'));
      expect(sentIds(upstream)).to.deep.equal(['ours']);
    });

    it('is off unless it is configured', async () => {
      const upstream = await startUpstream(text('ok'));
      const { get } = await start(upstream, { requestId: undefined, forwardHeaders: false });
      expect((await get(withId('req-1'))).headers).not.to.have.property('x-request-id');
      expect(sentIds(upstream)).to.deep.equal([undefined]);
    });

    it('works in front of forward() alone', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await startForward({ target: upstream.url, transport }, requestId());
      expect((await call(url, withId('req-1'))).headers['x-request-id']).to.equal('req-1');
      expect((await call(url)).headers['x-request-id']).to.match(MADE);
      expect(sentIds(upstream)[1]).to.match(MADE);
    });
  });
}

describe('requestId()', () => {
  it('refuses an option that it does not know', () => {
    expect(() => requestId({ accepts: false } as object)).to.throw(/requestId.accepts.*accept/);
    expect(() => resilientProxy({ apis: {}, requestId: { accept: 1 } as object })).to.throw(/requestId/);
  });
});
