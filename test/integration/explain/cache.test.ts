import { expect } from 'chai';
import {
  breaker,
  type CacheOptions,
  explain,
  type Handler,
  resilientProxy,
  retry,
} from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open, responseOf, type TargetResponse } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { hangUp, startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import { counted, openCache, TestClock } from '../cache/testing.js';
import { membersOf, proxyStatusOf, stepsOf, timingsOf } from './testing.js';

const NAME = 'resilient-proxy-out';

/** Our own member of `Cache-Status`. */
const cacheStatusOf = (response: TargetResponse) => membersOf(response, 'cache-status').at(-1)?.[1] ?? {};

for (const transport of TRANSPORTS) {
  describe(`explain() in front of a cache, over the ${transport} transport`, () => {
    async function start(script: UpstreamResponse | readonly UpstreamResponse[], options: CacheOptions = {}) {
      const clock = new TestClock();
      const upstream = await startUpstream(script);
      const explained = explain();
      const circuit = breaker({ failureThreshold: 1 });
      onCleanup(() => circuit.close());
      const cache = openCache({ ttlMs: 60_000, ...options }, clock, upstream.url);
      const again = retry({ maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false });
      const stages = [explained, cache, explained, circuit, again];
      const { url } = await startForward({ target: upstream.url, transport }, ...stages);
      return { upstream, clock, circuit, url, get: (rest = {}) => call(url, rest) };
    }

    it('shows the call that a miss has made', async () => {
      const { get } = await start(counted());
      const miss = await get();
      expect(stepsOf(miss)).to.deep.equal(['cache=miss', 'attempt-1=200', 'upstream', 'total']);
      expect(proxyStatusOf(miss)).to.deep.equal([NAME, {}]);
      expect(cacheStatusOf(miss)).to.deep.equal({ fwd: 'uri-miss', stored: true });
    });

    it('shows a hit alone, and nothing of the call that was stored', async () => {
      const { get } = await start(
        counted({ 'server-timing': 'db;dur=5', 'proxy-status': 'inner', 'cache-status': 'inner; hit' }),
      );
      expect(stepsOf(await get())).to.deep.equal(['db', 'cache=miss', 'attempt-1=200', 'upstream', 'total']);
      for (const method of ['GET', 'HEAD']) {
        const hit = await get({ method });
        expect(stepsOf(hit)).to.deep.equal(['cache=hit', 'total']);
        expect(membersOf(hit, 'proxy-status')).to.deep.equal([
          ['inner', {}],
          [NAME, {}],
        ]);
        expect(membersOf(hit, 'cache-status').map(([name]) => name)).to.deep.equal(['inner', NAME]);
        expect(cacheStatusOf(hit)).to.have.all.keys('hit', 'ttl');
        const [cache, total] = timingsOf(hit);
        expect(cache?.dur).to.be.at.most(total?.dur ?? -1);
      }
    });

    it('shows that the upstream confirmed the stored response, to conditional and other requests', async () => {
      const { get, clock } = await start([counted({ etag: '"1"' }), status(304, { etag: '"1"' })], {
        staleIfErrorMs: 0,
      });
      await get();
      for (const [headers, code] of [
        [{}, 200],
        [{ 'if-none-match': '"1"' }, 304],
      ] as const) {
        clock.advance(61_000);
        const response = await get({ headers });
        expect(response.status).to.equal(code);
        expect(stepsOf(response)).to.deep.equal(['cache=revalidated', 'attempt-1=304', 'upstream', 'total']);
        expect(proxyStatusOf(response)).to.deep.equal([NAME, { 'received-status': 304 }]);
        expect(cacheStatusOf(response)).to.include({ fwd: 'stale', 'fwd-status': 304, stored: true });
      }
    });

    it('passes on the upstream’s measurements of the revalidation, not those of the stored response', async () => {
      const { get, clock } = await start([
        counted({ etag: '"1"', 'server-timing': 'first' }),
        status(304, { etag: '"1"' }),
        status(304, { etag: '"1"', 'server-timing': 'third' }),
      ]);
      await get();
      for (const measured of [[], ['third']]) {
        clock.advance(61_000);
        const steps = [...measured, 'cache=revalidated', 'attempt-1=304', 'upstream', 'total'];
        expect(stepsOf(await get())).to.deep.equal(steps);
      }
    });

    it('keeps the application’s own measurements', async () => {
      const upstream = await startUpstream(counted({ 'server-timing': 'db' }));
      const app: Handler = (_req, res, next) => {
        res.setHeader('Server-Timing', ['session;dur=1', 'user']);
        next();
      };
      const { url } = await startForward({ target: upstream.url, transport }, app, explain(), openCache({}));
      const [miss, hit] = [await call(url), await call(url)].map(stepsOf);
      expect(miss).to.deep.equal([
        'session',
        'user',
        'db',
        'cache=miss',
        'attempt-1=200',
        'upstream',
        'total',
      ]);
      expect(hit).to.deep.equal(['session', 'user', 'cache=hit', 'total']);
    });

    it('shows why a stored response is served', async () => {
      const { get, clock, circuit } = await start([counted(), status(503), hangUp]);
      await get();
      clock.advance(61_000);
      const forStatus = await get();
      expect(forStatus.text).to.equal('answer 1');
      expect(stepsOf(forStatus)).to.deep.equal(['cache=stale', 'attempt-1=503', 'total']);
      expect(proxyStatusOf(forStatus)?.[1]).to.deep.include({ 'received-status': 503 });
      expect(cacheStatusOf(forStatus)).to.include({ fwd: 'stale', 'fwd-status': 503 });

      const forCircuit = await get();
      expect(stepsOf(forCircuit)).to.deep.equal(['cache=stale', 'total']);
      expect(proxyStatusOf(forCircuit)).to.deep.equal([NAME, {}]);
      expect(cacheStatusOf(forCircuit)).to.include({ fwd: 'stale', detail: 'ERR_CIRCUIT_OPEN' });

      circuit.forceClose();
      const forError = await get();
      expect(stepsOf(forError)).to.include.members(['cache=stale', 'attempt-1=connection_terminated']);
      expect(proxyStatusOf(forError)).to.deep.equal([
        NAME,
        { details: 'Served a stored response after connection_terminated' },
      ]);
      expect(cacheStatusOf(forError)).to.include({ fwd: 'stale', detail: 'ERR_UPSTREAM_RESET' });
      expect([forCircuit.text, forError.text]).to.deep.equal(['answer 1', 'answer 1']);
    });

    it('shows that a call shared another’s response', async () => {
      let goOn = (): void => {};
      const { url } = await start((_req, res) => {
        res.writeHead(200).write('one ');
        goOn = () => res.end('two');
      });
      const leader = await open(url);
      const follower = await open(url);
      goOn();
      const [first, second] = await Promise.all([responseOf(leader), responseOf(follower)]);
      expect([first.text, second.text]).to.deep.equal(['one two', 'one two']);
      expect(stepsOf(first)).to.deep.equal(['cache=miss', 'attempt-1=200', 'upstream', 'total']);
      expect(stepsOf(second)).to.deep.equal(['cache=coalesced', 'total']);
      expect(cacheStatusOf(second)).to.include({ fwd: 'uri-miss', collapsed: true });
    });

    it('does not show a background revalidation to later calls', async () => {
      const { get, clock, upstream } = await start(counted(), { staleWhileRevalidateMs: 600_000 });
      await get();
      clock.advance(61_000);
      expect(stepsOf(await get())).to.deep.equal(['cache=stale', 'total']);
      await until(() => upstream.requests.length === 2);
      let renewed = await get();
      while (renewed.text !== 'answer 2') renewed = await get();
      expect(stepsOf(renewed)).to.deep.equal(['cache=hit', 'total']);
      expect(proxyStatusOf(renewed)).to.deep.equal([NAME, {}]);
    });

    it('shows that a body was too large for the cache key', async () => {
      const { get } = await start(counted(), { methods: ['GET', 'POST'] });
      const response = await get({ method: 'POST', body: Buffer.alloc(1024 * 1024 + 1) });
      expect(response.text).to.equal('answer 1');
      expect(stepsOf(response)).to.deep.equal(['cache=bypass', 'attempt-1=200', 'upstream', 'total']);
      expect(cacheStatusOf(response)).to.deep.equal({ fwd: 'bypass', detail: 'body' });
    });

    it('shows that only the cache was used', async () => {
      const { get } = await start(counted(), { mode: 'standard' });
      const response = await get({ headers: { 'cache-control': 'only-if-cached' } });
      expect([response.status, stepsOf(response)]).to.deep.equal([504, ['cache=bypass', 'total']]);
      expect(cacheStatusOf(response)).to.deep.equal({ fwd: 'uri-miss', detail: 'only-if-cached' });
    });
  });
}

describe('explain() in front of a cache', () => {
  it('shows errors that bypass the cache', async () => {
    const target = `http://127.0.0.1:${await unusedPort()}`;
    const proxy = resilientProxy({
      name: 'one',
      target,
      explain: true,
      cache: {},
      retry: false,
      stats: false,
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const response = await call(url);
    expect(response.status).to.equal(502);
    expect(stepsOf(response)).to.deep.equal(['cache=miss', 'attempt-1=connection_refused', 'total']);
    expect(membersOf(response, 'proxy-status')).to.deep.equal([
      [NAME, { error: 'connection_refused', details: 'The upstream refused the connection' }],
    ]);
    expect(cacheStatusOf(response)).to.deep.equal({ fwd: 'uri-miss', detail: 'failure' });
  });
});
