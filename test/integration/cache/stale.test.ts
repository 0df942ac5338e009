import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { retry } from '../../../lib/retry/retry.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { hangUp, startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';
import { connectedStore, written } from './redis-fixture.js';
import { cached, cacheStatus, counted, TestClock } from './testing.js';

const DAY = 86_400_000;

describe('cache() with a stale response and an upstream that fails', () => {
  for (const [what, failure] of [
    ['a lost connection', hangUp],
    ['a 500', status(500)],
    ['a 503', status(503)],
    ['a 429', status(429)],
  ] as [string, UpstreamResponse][]) {
    for (const mode of ['ttl', 'standard'] as const) {
      it(`serves it after ${what} in '${mode}' mode, for a day`, async () => {
        const clock = new TestClock();
        const good = counted({ 'cache-control': 'max-age=60' }, { clock });
        const { get, handler } = await cached([good, failure], { mode }, { clock });
        await get();
        clock.advance(61_000);
        const stale = await get();
        expect([stale.status, stale.text]).to.deep.equal([200, 'answer 1']);
        expect(cacheStatus(stale)).to.match(/^resilient-proxy-out; fwd=stale/);
        expect(Number(stale.headers.age)).to.be.within(60, 62);
        expect(handler.counts().stale).to.equal(1);
        clock.advance(DAY);
        expect((await get()).status).to.not.equal(200);
      });
    }
  }

  it('serves it for as long as staleIfErrorMs', async () => {
    const { get, clock } = await cached([counted(), status(503)], { staleIfErrorMs: 5000 });
    await get();
    clock.advance(64_000);
    expect((await get()).text).to.equal('answer 1');
    clock.advance(2000);
    expect((await get()).status).to.equal(503);
    const never = await cached([counted(), status(503)], { staleIfErrorMs: 0 });
    await never.get();
    never.clock.advance(60_001);
    expect((await never.get()).status).to.equal(503);
  });

  it("does not serve it where the upstream forbids that in 'standard' mode", async () => {
    for (const control of ['must-revalidate', 'proxy-revalidate', 's-maxage=10', 'no-cache']) {
      const clock = new TestClock();
      const good = counted({ 'cache-control': `max-age=10, ${control}`, etag: '"1"' }, { clock });
      const { get } = await cached([good, status(503)], { mode: 'standard' }, { clock });
      await get();
      clock.advance(11_000);
      expect((await get()).status, control).to.equal(503);
    }
  });

  it('serves it after the retries of a later stage', async () => {
    const { get, clock, upstream } = await cached(
      [counted(), status(503)],
      {},
      { stages: [retry({ initialDelayMs: 1, maxAttempts: 3 })] },
    );
    await get();
    clock.advance(61_000);
    expect((await get()).text).to.equal('answer 1');
    expect(upstream.requests).to.have.length(4);
  });

  it('serves it while the circuit is open, without a request to the upstream', async () => {
    const guard = breaker();
    onCleanup(() => guard.close());
    const { get, clock, upstream } = await cached([counted(), status(503)], {}, { stages: [guard] });
    await get();
    expect((await get('/unknown')).status).to.equal(503);
    guard.forceOpen();
    clock.advance(61_000);
    const stale = await get();
    expect([stale.status, stale.text]).to.deep.equal([200, 'answer 1']);
    expect(stale.lines('retry-after')).to.deep.equal([]);
    expect(cacheStatus(stale)).to.match(/fwd=stale; .*detail=ERR_CIRCUIT_OPEN$/);
    expect((await get('/unknown')).json()).to.include({ code: 'ERR_CIRCUIT_OPEN' });
    expect(upstream.requests).to.have.length(2);
  });

  it('serves it in resilientProxy, with no error on the exchange', async () => {
    const upstream = await startUpstream([text('good'), hangUp]);
    const proxy = resilientProxy({ name: 'a', target: upstream.url, retry: false, cache: { ttlMs: 1 } });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    await call(url);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await call(url)).text).to.equal('good');
    proxy.apis.get('a')?.breaker?.forceOpen();
    expect((await call(url)).text).to.equal('good');
  });

  it('serves it when a later stage refuses the request for its rate, but not for a client error', async () => {
    let error: unknown;
    const refuse: Handler = (_req, _res, next) => next(error);
    const { get, clock } = await cached(counted(), {}, { stages: [refuse] });
    await get();
    clock.advance(61_000);
    error = new ProxyError('ERR_RATE_LIMITED', 'later');
    expect((await get()).text).to.equal('answer 1');
    error = new ProxyError('ERR_FORBIDDEN', 'no');
    expect((await get()).status).to.equal(403);
  });

  it('sends no request for a key before the Retry-After of its 429, and holds back no other', async () => {
    const { get, clock, upstream } = await cached([
      text('a'),
      text('b'),
      status(429, { 'retry-after': '120' }),
      text('new b'),
      text('new a'),
    ]);
    await get('/a');
    await get('/b');
    clock.advance(61_000);
    expect((await get('/a')).text).to.equal('a');
    expect((await get('/a')).text).to.equal('a');
    expect(upstream.requests).to.have.length(3);
    expect((await get('/b')).text).to.equal('new b');
    clock.advance(121_000);
    expect((await get('/a')).text).to.equal('new a');
  });

  for (const mode of ['ttl', 'standard'] as const) {
    it(`sends requests for a key again once another process has had a success, in '${mode}' mode`, async () => {
      const server = await startRedis();
      const clock = new TestClock();
      const fresh = (body: string): UpstreamResponse => {
        return (req, res) => {
          const date = new Date(clock.now()).toUTCString();
          text(body, { date, 'cache-control': 'max-age=60' })(req, res);
        };
      };
      const open = async (script: UpstreamResponse[]) => {
        const store = await connectedStore(server);
        return { store, ...(await cached(script, { mode, store }, { clock })) };
      };
      const refused = status(429, { 'retry-after': '900' });
      const one = await open([fresh('a'), fresh('b'), refused, refused, fresh('newest a')]);
      const other = await open([fresh('new a')]);
      await one.get('/a');
      await one.get('/b');
      await written(one.store);
      clock.advance(61_000);
      expect((await one.get('/a')).text).to.equal('a');
      expect((await one.get('/b')).text).to.equal('b');
      // What a process has not been told itself does not hold it back.
      expect((await other.get('/a')).text).to.equal('new a');
      await written(other.store);
      expect((await one.get('/a')).text).to.equal('new a');
      clock.advance(61_000);
      expect((await one.get('/b')).text).to.equal('b');
      expect(one.upstream.requests).to.have.length(4);
      expect((await one.get('/a')).text).to.equal('newest a');
    });
  }

  it('learns no pause from a request of another method', async () => {
    const { get, send, clock } = await cached([
      text('old'),
      status(429, { 'retry-after': '900' }),
      text('new'),
    ]);
    await get('/login');
    clock.advance(61_000);
    expect((await send('POST', '/login')).status).to.equal(429);
    expect((await get('/login')).text).to.equal('new');
  });

  it('forwards the failure where nothing is stored, and does not store it', async () => {
    const { get, upstream, handler } = await cached([
      status(429, { 'retry-after': '9' }),
      hangUp,
      hangUp,
      status(502),
    ]);
    const limited = await get();
    expect([limited.status, limited.headers['retry-after']]).to.deep.equal([429, '9']);
    expect((await get()).json()).to.include({ code: 'ERR_UPSTREAM_RESET' });
    expect((await get()).status).to.equal(502);
    // One was sent again, since its connection had been reused.
    expect(upstream.requests).to.have.length(4);
    expect(handler.counts().entries).to.equal(0);
  });
});
