import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startGatewayProxy } from '../../support/gateway-proxy.js';
import { serve } from '../../support/serve.js';
import { startUpstream, status, text } from '../../support/upstream.js';

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
});
