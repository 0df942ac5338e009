import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startGatewayProxy } from '../../support/gateway-proxy.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text } from '../../support/upstream.js';
import { heldUpstream, started } from '../concurrency/testing.js';

describe('resilientProxy().update() of egress proxies', () => {
  it('keeps the cool-downs of proxies that stay, and forgets those of an API that was taken out', async () => {
    const target = await startUpstream((_req, res) => void res.writeHead(429, { 'retry-after': '60' }).end());
    const proxies = await Promise.all([startForwardProxy(), startForwardProxy()]);
    const config = (count: number) => ({
      stats: false as const,
      apis: {
        x: {
          target: target.url,
          retry: false as const,
          proxyRotate: { proxies: proxies.slice(0, count).map(({ url }) => url) },
        },
      },
    });
    const proxy = resilientProxy(config(1));
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    expect((await call(`${url}/x/`)).status).to.equal(429);
    const states = () => proxy.egress().proxies.map(({ state }) => state);
    await proxy.update(config(2));
    expect(states()).to.deep.equal(['cooling-down', 'ok']);
    await proxy.update({ stats: false, apis: { other: { target: target.url } } });
    await proxy.update(config(2));
    expect(states()).to.deep.equal(['ok', 'ok']);
  });

  for (const strategy of ['round_robin', 'sticky'] as const) {
    it(`keeps the sessions of a gateway that stays (${strategy})`, async () => {
      const target = await startUpstream([status(429), text('1'), text('2')]);
      const gateway = await startGatewayProxy();
      const config = (cooldownMs: number) => ({
        stats: false as const,
        apis: {
          x: {
            target: target.url,
            proxyRotate: {
              proxies: [
                {
                  url: `http://u-{session}:pw@${gateway.name}`,
                  ...(strategy === 'sticky' ? {} : { sessions: 1 }),
                },
              ],
              strategy,
              cooldownMs,
              maxProxiesPerCall: 2,
            },
          },
        },
      });
      const proxy = resilientProxy(config(1000));
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      expect((await call(`${url}/x/`)).text).to.equal('1');
      await proxy.update(config(2000));
      expect((await call(`${url}/x/`)).text).to.equal('2');
      const [refused, replaced, later] = gateway.users();
      expect([refused === replaced, later]).to.deep.equal([false, replaced]);
    });
  }

  it('counts what is in progress where an update changes how much may be', async () => {
    const target = await heldUpstream();
    const { url: egress } = await startForwardProxy();
    const config = (maxConcurrency: number, plugins: (() => void)[] = []) => ({
      stats: false as const,
      apis: { x: { target: target.url, plugins, proxyRotate: { proxies: [egress], maxConcurrency } } },
    });
    const proxy = resilientProxy(config(2));
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const active = () => proxy.egress().proxies.map((one) => [one.active, one.attempts]);
    const calls = [1, 2, 3].map((id) => started(`${url}/x/${id}`));
    await until(() => target.held.length === 2);
    const refuse = () => {
      throw new Error('refused');
    };
    expect(() => proxy.update(config(9, [refuse]))).to.throw('refused');
    for (const most of [2, 1]) proxy.update(config(most));
    calls.push(started(`${url}/x/4`));
    expect(active()).to.deep.equal([[2, 2]]);
    for (let left = 4; left > 0; left--) {
      await until(() => target.held.length > 0);
      target.respond();
    }
    for (const { response } of calls) expect((await response).status).to.equal(200);
    expect(target.most).to.equal(2);
    await until(() => active()[0]?.[0] === 0);
    expect(active()).to.deep.equal([[0, 4]]);
  });

  it('keeps to a new number of requests at once', async () => {
    const target = await startUpstream(text('hello'));
    const { url: egress } = await startForwardProxy();
    const config = (limit: number) => ({
      stats: false as const,
      apis: {
        x: {
          target: target.url,
          proxyRotate: {
            proxies: [egress],
            requestsPerProxy: { limit, windowMs: 60_000 },
            connectTimeoutMs: 50,
          },
        },
      },
    });
    const proxy = resilientProxy(config(2));
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    for (let i = 0; i < 2; i++) expect((await call(`${url}/x/`)).status).to.equal(200);
    proxy.update(config(3));
    const statuses = [(await call(`${url}/x/`)).status, (await call(`${url}/x/`)).status];
    proxy.update(config(1));
    statuses.push((await call(`${url}/x/`)).status);
    expect(statuses).to.deep.equal([200, 503, 503]);
  });

  it('has calls that wait for a proxy find those of the new options', async () => {
    const target = await heldUpstream();
    const [one, other] = await Promise.all([startForwardProxy(), startForwardProxy()]);
    const silent = await startUpstream(() => {});
    const config = (proxyRotate: ProxyRotateOptions) => ({
      stats: false as const,
      apis: { x: { target: target.url, retry: false as const, proxyRotate } },
    });
    const proxy = resilientProxy(config({ proxies: { url: silent.url } }));
    onCleanup(() => proxy.close());
    let arrived = 0;
    const { url } = await serve((req, res) => {
      proxy(req, res);
      arrived++;
    });
    const calls = [started(`${url}/x/1`)];
    await until(() => arrived === 1);
    proxy.update(config({ proxies: [one.url], maxConcurrency: 1 }));
    await until(() => target.held.length === 1);
    calls.push(started(`${url}/x/2`));
    await until(() => arrived === 2);
    proxy.update(config({ proxies: [one.url, other.url], maxConcurrency: 1 }));
    await until(() => target.held.length === 2);
    expect(proxy.egress().proxies.map(({ active }) => active)).to.deep.equal([1, 1]);
    for (let i = 0; i < 2; i++) target.respond();
    for (const { response } of calls) expect((await response).status).to.equal(200);
  });
});
