import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { call } from '../../support/client.js';
import { ESTABLISHED, startConnectProxy } from '../../support/connect-proxy.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { type RawConnection, startRawUpstream } from '../../support/raw-upstream.js';
import { rotating } from '../../support/rotating.js';
import { startSocksProxy } from '../../support/socks-proxy.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

const quick = { intervalMs: 100, timeoutMs: 300 };

for (const transport of TRANSPORTS) {
  describe(`proxyRotate.healthCheck, transport ${transport}`, () => {
    async function start(options: ProxyRotateOptions) {
      const target = await startUpstream(text('sunny'));
      const tested = rotating(options);
      const { url } = await startForward({ target: target.url, transport }, tested.rotate);
      return { url, target, host: new URL(target.url).host, ...tested };
    }

    const states = ({ rotate }: Pick<Awaited<ReturnType<typeof start>>, 'rotate'>) =>
      rotate.status().map(({ state }) => state);

    it('finds a hung proxy, so that no call meets it', async () => {
      const checked = await startUpstream(text('fine'));
      const hung = await startConnectProxy(() => {});
      const good = await startForwardProxy();
      const tested = await start({
        proxies: [hung.url, good.url],
        healthCheck: { url: `${checked.url}/ping`, ...quick },
      });
      const responses = await Promise.all(Array.from({ length: 10 }, () => call(tested.url)));
      expect(responses.map((response) => response.text)).to.deep.equal(Array(10).fill('sunny'));
      await until(() => states(tested)[0] === 'cooling-down');
      expect(tested.rotate.status()[0]?.reason).to.equal('health check: no connection in time');
      for (let i = 0; i < 4; i++) expect((await call(tested.url)).text).to.equal('sunny');
      const hosts = new Set(hung.connects);
      expect([...hosts]).to.deep.equal([new URL(checked.url).host]);
      expect(checked.requests[0]).to.include({ method: 'GET', url: '/ping' });
    });

    it('takes a proxy into use again, and no call has to try it', async () => {
      const checked = await startUpstream(text('fine'));
      let works = false;
      const ill = await startConnectProxy((open) => {
        if (works) open();
      });
      const good = await startForwardProxy();
      const tested = await start({
        proxies: [ill.url, good.url],
        healthCheck: { url: checked.url, ...quick },
      });
      await until(() => states(tested)[0] === 'cooling-down');
      works = true;
      tested.advance(30_000);
      await until(() => states(tested)[0] === 'ok');
      expect(tested.events.at(-1)).to.equal(`recovered ${ill.name}`);
      expect(ill.connects.includes(tested.host)).to.equal(false);
    });

    it('blames no proxy where the checked URL itself fails', async () => {
      const proxies = await Promise.all([startForwardProxy(), startForwardProxy()]);
      const tested = await start({
        proxies: proxies.map(({ url }) => url),
        healthCheck: { url: `http://127.0.0.1:${await unusedPort()}`, ...quick },
      });
      await until(() => proxies.every(({ connects }) => connects.length > 3));
      for (let i = 0; i < 4; i++) expect((await call(tested.url)).text).to.equal('sunny');
      expect(tested.events).to.deep.equal([]);
    });

    it('lets calls go at the start as soon as all checks have failed, whatever time they may take', async () => {
      const { url } = await start({
        proxies: [(await startForwardProxy()).url, (await startForwardProxy()).url],
        connectTimeoutMs: 10_000,
        healthCheck: {
          url: `http://127.0.0.1:${await unusedPort()}`,
          intervalMs: 3_600_000,
          timeoutMs: 60_000,
        },
      });
      expect((await call(url)).text).to.equal('sunny');
    });

    it('blames no proxy where the checked URL begins to fail', async () => {
      let fails = false;
      const checked = await startUpstream((_req, res) => void res.writeHead(fails ? 500 : 200).end());
      const proxies = await Promise.all([startForwardProxy(), startForwardProxy(), startForwardProxy()]);
      const tested = await start({
        proxies: proxies.map(({ url }) => url),
        healthCheck: { url: checked.url, ...quick },
      });
      await until(() => checked.requests.length >= 6);
      fails = true;
      const before = checked.requests.length;
      await until(() => checked.requests.length >= before + 6);
      expect((await call(tested.url)).text).to.equal('sunny');
      expect(states(tested)).to.deep.equal(['ok', 'ok', 'ok']);
      expect(tested.events).to.deep.equal([]);
      fails = false;
      await until(() => checked.requests.length >= before + 12);
      expect(states(tested)).to.deep.equal(['ok', 'ok', 'ok']);
      expect(tested.events).to.deep.equal([]);
    });

    it('finds a proxy that begins to fail between the checks of the others', async () => {
      const checked = await startUpstream(text('fine'));
      const { host } = new URL(checked.url);
      let works = true;
      const ill = await startConnectProxy((open, client, req) => {
        if (works || req.url !== host) open();
        else client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      });
      const good = await startForwardProxy();
      const tested = await start({
        proxies: [good.url, ill.url],
        healthCheck: { url: checked.url, intervalMs: 30_000, timeoutMs: 300 },
      });
      await until(() => checked.requests.length === 2);
      works = false;
      tested.advance(30_000);
      await until(() => tested.events.length > 0);
      expect(tested.events).to.deep.equal([`cooldown ${ill.name}: health check: status 502, 30000 ms`]);
    });

    it('takes a status that is not expected for a failure', async () => {
      const byProxy: UpstreamResponse = (req, res) =>
        void res.writeHead(String(req.socket.remoteAddress).endsWith('.2') ? 403 : 404).end();
      const checked = await startUpstream(byProxy);
      const [banned, good] = await Promise.all([
        startForwardProxy({ from: '127.0.0.2' }),
        startForwardProxy({ from: '127.0.0.3' }),
      ]);
      const tested = await start({
        proxies: [banned.url, good.url],
        healthCheck: { url: checked.url, ...quick, expectedStatus: [404] },
      });
      await until(() => states(tested)[0] === 'cooling-down');
      expect(tested.rotate.status()[0]?.reason).to.equal('health check: status 403');
    });
  });
}

describe('proxyRotate.healthCheck', () => {
  const tls = credentials();
  const kinds: Record<string, () => Promise<ProxyRotateOptions>> = {
    'a tunnel, with credentials': async () => ({
      proxies: [(await startForwardProxy({ credentials: 'me:pw' })).url],
    }),
    'absolute form, with credentials': async () => ({
      proxies: [(await startForwardProxy({ credentials: 'me:pw' })).url],
      tunnel: false,
    }),
    'an https proxy': async () => ({
      proxies: [{ url: (await startForwardProxy({ tls })).url, ca: tls.ca }],
    }),
    'a SOCKS proxy': async () => ({ proxies: [`socks5://127.0.0.1:${(await startSocksProxy()).port}`] }),
  };
  for (const [kind, options] of Object.entries(kinds)) {
    it(`goes through ${kind}`, async () => {
      const checked = await startUpstream(text('fine'));
      const { rotate } = rotating({
        ...(await options()),
        healthCheck: { url: `${checked.url}/x?y=1`, ...quick },
      });
      await until(() => checked.requests.length > 1);
      const [first] = checked.requests;
      expect(first).to.include({ url: '/x?y=1' });
      expect(first?.headers).to.deep.include({ host: new URL(checked.url).host });
      expect(first?.headers).to.not.have.property('proxy-authorization');
      expect(rotate.status()[0]).to.include({ state: 'ok', reason: undefined, attempts: 0 });
    });
  }

  it('blames a proxy that cannot be reached without any other to compare with', async () => {
    const { rotate, events } = rotating({
      proxies: [`http://127.0.0.1:${await unusedPort()}`],
      healthCheck: { url: 'http://127.0.0.1:1/', ...quick },
    });
    await until(() => events.length > 0);
    expect(rotate.status()[0]).to.include({ state: 'cooling-down', reason: 'health check: ECONNREFUSED' });
  });

  it('ends with the rotation', async () => {
    const checked = await startUpstream(text('fine'));
    const proxy = await startForwardProxy();
    const { rotate } = rotating({ proxies: [proxy.url], healthCheck: { url: checked.url, ...quick } });
    await until(() => checked.requests.length > 1);
    rotate.close();
    const { length } = checked.requests;
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(checked.requests.length).to.be.at.most(length + 1);
  });

  const HUNG: readonly [what: string, scheme: string, speak: (connection: RawConnection) => unknown][] = [
    ['an http proxy is silent', 'http', () => {}],
    ['an https proxy is silent', 'https', () => {}],
    [
      'the checked URL is silent',
      'http',
      async (connection) => {
        await connection.heads();
        connection.write(ESTABLISHED);
      },
    ],
  ];
  for (const [what, scheme, speak] of HUNG) {
    it(`ends checks under way with the rotation, where ${what}`, async () => {
      const hung = await startRawUpstream(speak);
      const { rotate } = rotating({
        proxies: [hung.url.replace('http', scheme)],
        healthCheck: { url: 'http://check.test/', timeoutMs: 600_000 },
      });
      await until(() => hung.received[0]?.received.includes(scheme === 'http' ? 'CONNECT' : '\x16') ?? false);
      rotate.close();
      await until(() => hung.connections.open === 0);
    });
  }

  it('checks each proxy every 30 s within 5 s by default, and refuses what is no URL of its kind', () => {
    const { healthCheck } = resolveProxyRotate({ healthCheck: { url: 'https://check.test/' } });
    expect(healthCheck).to.deep.equal({ url: 'https://check.test/', intervalMs: 30_000, timeoutMs: 5000 });
    expect(resolveProxyRotate({}).healthCheck).to.equal(undefined);
    for (const url of ['check.test', 'ftp://check.test', 'http://u:secret@check.test/'])
      expect(() => resolveProxyRotate({ healthCheck: { url } })).to.throw(
        /^proxyRotate\.healthCheck\.url must /,
      );
    expect(() => resolveProxyRotate({ healthCheck: { url: 'http://u:secret@h' } })).not.to.throw('secret');
  });
});
