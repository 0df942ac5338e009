import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { hangUp, json, type ScriptedResponse, status } from '../../../lib/testing/responses.js';
import { serve } from '../../../lib/testing/serve.js';
import { startUpstream } from '../../../lib/testing/upstream.js';
import { onCleanup } from '../../support/cleanup.js';
import { stopClock } from '../../support/fake-timers.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { unusedPort } from '../../support/listening.js';
import { startRedis } from '../../support/redis.js';
import { eventually, until } from '../../support/until.js';

for (const transport of ['undici', 'node'] as const) {
  describe(`reset() and what can be forced, on the transport ${transport}`, () => {
    async function start(options: Partial<ApiOptions>, ...responses: ScriptedResponse[]) {
      const upstream = await startUpstream(...responses);
      const apis = { weather: { target: upstream.url, transport, retry: false as const, ...options } };
      const proxy = resilientProxy({ apis });
      const server = await serve(proxy);
      onCleanup(() => Promise.all([server.close(), proxy.close(), upstream.close()]));
      const get = async (path = '/', headers = {}) => {
        const response = await fetch(`${server.url}/weather${path}`, { headers });
        return `${response.status} ${await response.text()}`;
      };
      const api = proxy.apis.get('weather');
      if (!api) throw new Error('There is no such API');
      return { upstream, proxy, get, api };
    }

    it('closes every circuit, of each key too', async () => {
      const breaker = { failureThreshold: 1, key: ({ url = '' }) => url.slice(1) };
      const { proxy, get, api } = await start({ breaker }, hangUp, hangUp, status(200));
      const closed: string[] = [];
      api.breaker?.on('close', ({ circuit, reason }) => closed.push(`${circuit} ${reason}`));
      await get('/a');
      await get('/b');
      expect(await get('/a')).to.match(/ERR_CIRCUIT_OPEN/);
      await proxy.reset();
      expect(closed).to.have.members(['weather:a reset', 'weather:b reset']);
      expect([await get('/a'), await get('/b')].join()).to.match(/^200.*200/);
    });

    it('counts failures from zero', async () => {
      const { proxy, get } = await start({ breaker: { failureThreshold: 2 } }, status(500));
      await get();
      await proxy.reset();
      await get();
      expect(proxy.circuits.list()[0]).to.include({ state: 'CLOSED', failures: 1 });
    });

    it('empties the cache and sets its counters to 0', async () => {
      const { proxy, get, api } = await start({ cache: { ttlMs: 60_000 } }, json(1), json(2));
      const bodies = [await get('/a'), await get('/a')];
      await proxy.reset();
      expect(api.cache?.counts()).to.include({ entries: 0, hits: 0, misses: 0 });
      bodies.push(await get('/a'));
      expect(bodies).to.deep.equal(['200 1', '200 1', '200 2']);
    });

    for (const algorithm of ['sliding', 'fixed', 'spaced'] as const) {
      it(`gives back a quota: ${algorithm}`, async () => {
        const rateLimit = { limit: 1, windowMs: 3_600_000, algorithm };
        const { proxy, get } = await start({ rateLimit }, status(200));
        expect([await get(), await get()].join()).to.match(/^200.*429.*ERR_RATE_LIMITED/);
        await proxy.reset();
        expect(await get()).to.match(/^200/);
      });
    }

    it('forgets the limits that the API has advertised, and lets the calls go that wait for them', async () => {
      const rateLimit = { onLimit: 'queue', maxWaitMs: 3_600_000 } as const;
      const { proxy, get, api } = await start(
        { rateLimit },
        status(429, { 'Retry-After': '600' }),
        status(200),
      );
      await get();
      const queued = new Promise((resolve) => api.rateLimit?.on('queued', resolve));
      const waiting = get();
      await queued;
      expect(proxy.egress().limits).to.have.length(1);
      await proxy.reset();
      expect(await waiting).to.match(/^200/);
      expect(proxy.egress().limits).to.deep.equal([]);
    });

    it('gives back the budget of retries', async () => {
      // Ten a second are always allowed.
      stopClock();
      const retry = { initialDelayMs: 1, maxDelayMs: 1, maxAttempts: 5 };
      const { proxy, get, api } = await start({ retry, breaker: false }, hangUp);
      await get();
      expect(api.retry?.budgetLeft()).to.equal(6);
      await proxy.reset();
      expect(api.retry?.budgetLeft()).to.equal(10);
    });

    it('forgets the cool-down of an egress proxy, and what went through it', async () => {
      const dead = `http://127.0.0.1:${await unusedPort()}`;
      const { proxy, get, api } = await start({ proxyRotate: { proxies: [dead] } }, status(200));
      await get();
      expect(api.proxyRotate?.status()[0]).to.include({ state: 'cooling-down', failures: 1 });
      await proxy.reset();
      expect(api.proxyRotate?.status()[0]).to.include({
        state: 'ok',
        failures: 0,
        attempts: 0,
        reason: undefined,
      });
    });

    it('forgets that a target does not take what comes by a proxy', async () => {
      const { url } = await startForwardProxy();
      const proxyRotate = { proxies: [url], cooldownOnStatus: [403] };
      const { proxy, get } = await start({ proxyRotate }, status(403), status(200));
      await get();
      expect(await get()).to.match(/^503 .*ERR_NO_PROXY/);
      await proxy.reset();
      expect(await get()).to.match(/^200/);
    });

    it('sets the statistics to 0', async () => {
      const { proxy, get } = await start({}, status(200));
      await get();
      const total = async () => {
        const view = await proxy.stats?.view({ api: 'weather', period: 'all' });
        return view?.figures.total;
      };
      expect(await total()).to.equal(1);
      await proxy.reset();
      expect(await total()).to.equal(0);
      await get();
      expect(await total()).to.equal(1);
    });

    it('forgets which calls were refused for lack of a place', async () => {
      const { upstream, proxy, get, api } = await start({ concurrency: { limit: 1, queue: 0 } }, () => {});
      const first = get();
      await upstream.received(1);
      expect(await get()).to.match(/^503/);
      expect(api.concurrency?.refused()).to.deep.equal({ queue: 1, wait: 0 });
      await proxy.reset();
      expect(api.concurrency?.refused()).to.deep.equal({ queue: 0, wait: 0 });
      expect(api.concurrency?.status()[0]?.inFlight).to.equal(1);
      await upstream.close();
      await first;
    });

    it('rejects once the proxy is closed', async () => {
      const { proxy } = await start({});
      await proxy.close();
      expect(await proxy.reset().catch((error) => error.code)).to.equal('ERR_SHUTTING_DOWN');
    });

    it('lets a limit be exhausted for everybody, until a reset', async () => {
      const { upstream, proxy, get, api } = await start({ rateLimit: {} }, status(200));
      await get();
      api.rateLimit?.forceExhausted(90_000);
      for (const headers of [{}, { 'X-Api-Key': 'a' }])
        expect(await get('/', headers)).to.match(
          /^429 .*has asked for a pause.*in 90 seconds.*ERR_RATE_LIMITED/,
        );
      expect(proxy.egress().limits).to.have.length(1);
      expect(proxy.egress().limits[0]).to.include({ name: 'forced', state: 'exhausted', remaining: 0 });
      await proxy.reset();
      expect(await get()).to.match(/^200/);
      expect(proxy.egress().limits).to.deep.equal([]);
      expect(upstream.requests).to.have.length(2);
    });

    it('lets calls wait for a limit that is exhausted', async () => {
      const { get, api } = await start({ rateLimit: { onLimit: 'queue' } }, status(200));
      api.rateLimit?.forceExhausted(50);
      const since = performance.now();
      expect(await get()).to.match(/^200/);
      expect(performance.now() - since).to.be.above(45);
      expect(api.rateLimit?.status()).to.deep.equal([]);
    });

    it('lets egress proxies cool down, one or all of them', async () => {
      const [one, other] = [await startForwardProxy(), await startForwardProxy()];
      const proxies = [
        { url: one.url, name: 'one' },
        { url: other.url, name: 'other' },
      ];
      const { proxy, get, api } = await start({ proxyRotate: { proxies } }, status(200));
      const cooldowns: unknown[] = [];
      api.proxyRotate?.on('cooldown', (event) => cooldowns.push(event));
      const states = () => api.proxyRotate?.status().map(({ state, attempts }) => `${state} ${attempts}`);

      api.proxyRotate?.forceCooldown('one', 90_000);
      expect([await get(), await get()].join()).to.match(/^200.*200/);
      expect(states()).to.deep.equal(['cooling-down 0', 'ok 2']);
      api.proxyRotate?.forceCooldown(undefined, 90_000);
      expect(await get()).to.match(/^503 .*ERR_NO_PROXY/);
      expect(cooldowns[0]).to.deep.equal({
        ...{ api: 'weather', proxy: 'one', origin: undefined, reason: 'forced', cooldownMs: 90_000 },
      });
      expect(cooldowns).to.have.length(3);
      await proxy.reset();
      expect(await get()).to.match(/^200/);
      expect(states()).to.deep.equal(['ok 1', 'ok 0']);
    });

    it('refuses to force what makes no sense', async () => {
      const options = {
        rateLimit: {},
        proxyRotate: { proxies: [{ url: 'http://127.0.0.1:9', name: 'one' }] },
      };
      const { api } = await start(options);
      expect(() => api.rateLimit?.forceExhausted(Number.NaN)).to.throw(RangeError, 'received NaN');
      expect(() => api.proxyRotate?.forceCooldown(undefined, -1)).to.throw(RangeError, 'received -1');
      expect(() => api.proxyRotate?.forceCooldown('two', 1)).to.throw(
        RangeError,
        'No egress proxy is named "two"; there are "one"',
      );
    });
  });
}

describe('reset() with Redis', () => {
  it('closes the circuits and empties the caches of all processes', async () => {
    const upstream = await startUpstream(json(1), json(2), status(500), status(500), json(3));
    const redis = await startRedis();
    const open = async () => {
      const api = { target: upstream.url, retry: false, breaker: { failureThreshold: 1 } } as const;
      const apis = { weather: { ...api, cache: { ttlMs: 60_000 } } };
      // A busy machine may take longer than the 50 ms after which a lookup counts as a miss.
      const proxy = resilientProxy({ redis: { url: redis.url, commandTimeoutMs: 10_000 }, apis });
      const server = await serve(proxy);
      onCleanup(() => Promise.all([server.close(), proxy.close()]));
      await until(() => proxy.redis?.status().state === 'up');
      const get = async (path: string) => (await fetch(`${server.url}/weather${path}`)).text();
      return { proxy, get };
    };
    const [one, other] = [await open(), await open()];
    onCleanup(() => upstream.close());
    expect(await one.get('/a')).to.equal('1');
    // It is written while the response is on its way.
    const isStored = (key: string) => key.includes('/a') && !key.includes('lease');
    const isInRedis = async () => (await redis.control.keys('*')).some(isStored);
    await eventually(isInRedis, 'the response to be in Redis');
    expect(await other.get('/a')).to.equal('1');
    await one.proxy.reset();
    const stored = () => other.proxy.apis.get('weather')?.cache?.counts().entries;
    await until(() => stored() === 0, 'the other process has heard of it');
    expect(await other.get('/a')).to.equal('2');

    const circuit = () => other.proxy.circuits.list()[0];
    await Promise.all([one.get('/b'), other.get('/b')]);
    await until(() => circuit()?.state === 'OPEN' && circuit()?.scope === 'fleet', 'it is open for all');
    await one.proxy.reset();
    await until(() => circuit()?.state === 'CLOSED', 'it is closed for all');
    expect(await other.get('/b')).to.equal('3');
  });
});
