import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { type TestClock, testClock } from '../../../lib/testing/clock.js';
import { hangUp, json, type ScriptedResponse, silence, status } from '../../../lib/testing/responses.js';
import { serve } from '../../../lib/testing/serve.js';
import { startUpstream } from '../../../lib/testing/upstream.js';
import { onCleanup } from '../../support/cleanup.js';
import { unusedPort } from '../../support/listening.js';

for (const transport of ['undici', 'node'] as const) {
  describe(`testClock() with a proxy on the transport ${transport}`, () => {
    let clock: TestClock;

    beforeEach(() => {
      clock = testClock();
      onCleanup(() => clock.restore());
    });

    async function start(options: Partial<ApiOptions>, ...responses: ScriptedResponse[]) {
      const upstream = await startUpstream(...responses);
      const proxy = resilientProxy({ name: 'weather', target: upstream.url, transport, ...options });
      const server = await serve(proxy);
      onCleanup(() => Promise.all([server.close(), proxy.close(), upstream.close()]));
      const get = async (path = '/') => {
        const response = await fetch(server.url + path);
        return `${response.status} ${await response.text()}`;
      };
      return { upstream, proxy, get, api: proxy.apis.get('weather') };
    }

    it('ends the time that a circuit is open', async () => {
      const { upstream, proxy, get } = await start(
        { retry: false, breaker: { failureThreshold: 1 } },
        hangUp,
        status(200),
      );
      expect(await get()).to.match(/^502/);
      expect(await get()).to.match(/^503 .*ERR_CIRCUIT_OPEN/);
      await clock.advance(29_000);
      expect(await get()).to.match(/^503 .*Please try again in 1 second/);
      await clock.advance(1000);
      expect([await get(), await get()].map((text) => text.slice(0, 3))).to.deep.equal(['200', '200']);
      expect(proxy.circuits.list().map(({ state }) => state)).to.deep.equal(['CLOSED']);
      expect(upstream.requests).to.have.length(3);
    });

    it('makes stored responses stale, and those that come later are fresh', async () => {
      const { upstream, get } = await start(
        { cache: { mode: 'standard' } },
        ...[1, 2].map((n) => json({ n }, 200, { 'cache-control': 'max-age=60' })),
      );
      const bodies = [await get(), await get()];
      await clock.advance(61_000);
      bodies.push(await get(), await get());
      expect(bodies).to.deep.equal(['200 {"n":1}', '200 {"n":1}', '200 {"n":2}', '200 {"n":2}']);
      expect(upstream.requests).to.have.length(2);
    });

    it('ends the window of a limit, and the pause that an API has asked for', async () => {
      const { get } = await start(
        { retry: false, rateLimit: { limit: 2, windowMs: 60_000 } },
        status(429, { 'retry-after': '30' }),
        status(200),
      );
      const statuses = [await get(), await get()];
      await clock.advance(30_000);
      statuses.push(await get(), await get());
      await clock.advance(60_000);
      statuses.push(await get());
      expect(statuses.map((text) => text.slice(0, 3))).to.deep.equal(['429', '429', '200', '429', '200']);
    });

    it('ends the wait for the next attempt', async () => {
      const { upstream, get, api } = await start(
        { retry: { initialDelayMs: 20_000, maxDelayMs: 20_000 } },
        hangUp,
        status(200),
      );
      const waits = new Promise<number>((resolve) =>
        api?.retry?.on('retry', ({ waitMs }) => resolve(waitMs)),
      );
      const response = get();
      const waitMs = await waits;
      expect(waitMs).to.be.within(16_000, 24_000);
      await clock.advance(waitMs);
      expect(await response).to.match(/^200/);
      expect(upstream.requests).to.have.length(2);
    });

    it('ends the time that an API has for a response', async () => {
      const { upstream, get } = await start({ retry: false }, silence);
      const response = get();
      await upstream.received(1);
      await clock.advance(10_000);
      expect(await response).to.match(/^504 .*ERR_UPSTREAM_TIMEOUT/);
    });

    it('ends the cool-down of an egress proxy', async () => {
      const { get, api } = await start(
        {
          retry: false,
          proxyRotate: { proxies: [`http://127.0.0.1:${await unusedPort()}`], cooldownMs: 60_000 },
        },
        status(200),
      );
      const cooldowns: number[] = [];
      api?.proxyRotate?.on('cooldown', ({ cooldownMs }) => cooldowns.push(cooldownMs));
      const statuses = [await get(), await get()];
      await clock.advance(59_000);
      statuses.push(await get());
      expect(cooldowns).to.deep.equal([60_000]);
      await clock.advance(1000);
      statuses.push(await get());
      expect(cooldowns).to.deep.equal([60_000, 120_000]);
      for (const text of statuses) expect(text).to.match(/^503 .*ERR_NO_PROXY/);
    });
  });
}
