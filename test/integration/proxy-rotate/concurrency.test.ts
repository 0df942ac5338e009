import { expect } from 'chai';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rotating } from '../../support/rotating.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`proxyRotate.maxConcurrency, transport ${transport}`, () => {
    /** A target that holds its responses, and counts those in progress by the address they come from. */
    async function startHolding() {
      const held: (() => void)[] = [];
      const active: Record<string, number> = {};
      const most: Record<string, number> = {};
      const target = await startUpstream((req, res) => {
        const from = String(req.socket.remoteAddress).replace('::ffff:', '');
        active[from] = (active[from] ?? 0) + 1;
        most[from] = Math.max(most[from] ?? 0, active[from]);
        held.push(() => {
          active[from] = (active[from] ?? 1) - 1;
          res.end(from);
        });
      });
      return { target, held, most };
    }

    it('is kept for each proxy, and calls wait for their turn', async () => {
      const { target, held, most } = await startHolding();
      const proxies = await Promise.all([
        startForwardProxy({ from: '127.0.0.2' }),
        startForwardProxy({ from: '127.0.0.3' }),
      ]);
      const [first = '', second = ''] = proxies.map(({ url }) => url);
      const { rotate } = rotating({
        proxies: [{ url: first, maxConcurrency: 1 }, second],
        maxConcurrency: 3,
      });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      const calls = Array.from({ length: 40 }, () => call(url));
      let ended = 0;
      for (const response of calls)
        response.then(
          () => ended++,
          () => ended++,
        );
      await until(() => held.length === 4);
      while (ended < calls.length) {
        for (const end of held.splice(0)) end();
        await new Promise(setImmediate);
      }
      const responses = await Promise.all(calls);
      expect(responses.map(({ status }) => status)).to.deep.equal(Array(40).fill(200));
      expect(most).to.deep.equal({ '127.0.0.2': 1, '127.0.0.3': 3 });
      expect(rotate.status().map(({ active }) => active)).to.deep.equal([0, 0]);
    });

    it('refuses a call that has waited for connectTimeoutMs', async () => {
      const { target, held } = await startHolding();
      const proxy = await startForwardProxy();
      const { rotate } = rotating({ proxies: [proxy.url], maxConcurrency: 1, connectTimeoutMs: 300 });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      const first = call(url);
      await until(() => held.length === 1);
      const refused = await call(url);
      expect(refused.json()).to.have.property('code', 'ERR_NO_PROXY');
      expect(refused.headers['retry-after']).to.equal('1');
      held[0]?.();
      expect((await first).status).to.equal(200);
      expect(rotate.status()[0]).to.include({ state: 'ok', attempts: 1 });
    });
  });
}

for (const transport of TRANSPORTS) {
  describe(`proxyRotate.requestsPerProxy, transport ${transport}`, () => {
    it('is kept for each proxy in any window, and calls wait for their turn', async () => {
      const times = new Map<string, number[]>();
      const target = await startUpstream((req, res) => {
        const from = String(req.socket.remoteAddress);
        times.set(from, [...(times.get(from) ?? []), performance.now()]);
        res.end();
      });
      const proxies = await Promise.all([
        startForwardProxy({ from: '127.0.0.2' }),
        startForwardProxy({ from: '127.0.0.3' }),
      ]);
      const { rotate, advance } = rotating({
        proxies: proxies.map(({ url }) => url),
        requestsPerProxy: { limit: 3, windowMs: 60_000 },
        connectTimeoutMs: 400,
      });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      const statuses = async (calls: number) =>
        (await Promise.all(Array.from({ length: calls }, () => call(url)))).map(({ status }) => status);
      expect(await statuses(6)).to.deep.equal(Array(6).fill(200));
      expect([...times.values()].map(({ length }) => length)).to.deep.equal([3, 3]);
      expect(await statuses(2)).to.deep.equal([503, 503]);
      advance(59_000);
      const late = statuses(6);
      advance(1000);
      expect(await late).to.deep.equal(Array(6).fill(200));
      expect(rotate.status().map(({ attempts }) => attempts)).to.deep.equal([6, 6]);
    });
  });
}

describe('proxyRotate.requestsPerProxy', () => {
  it('is no limit by default, and needs both of its numbers', () => {
    expect(resolveProxyRotate({}).requestsPerProxy).to.equal(undefined);
    expect(() => resolveProxyRotate({ requestsPerProxy: { limit: 5 } as never })).to.throw(
      'proxyRotate.requestsPerProxy.windowMs is required',
    );
    expect(() => resolveProxyRotate({ requestsPerProxy: { limit: 0, windowMs: 1 } })).to.throw(
      'proxyRotate.requestsPerProxy.limit must be at least 1',
    );
  });
});

describe('proxyRotate.maxConcurrency', () => {
  it('is no limit by default, and at least 1', () => {
    expect(resolveProxyRotate({}).maxConcurrency).to.equal(undefined);
    expect(() => resolveProxyRotate({ maxConcurrency: 0 })).to.throw(
      'proxyRotate.maxConcurrency must be at least 1',
    );
  });
});
