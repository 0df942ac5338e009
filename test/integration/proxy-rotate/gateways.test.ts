import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, headOf } from '../../support/client.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startGatewayProxy } from '../../support/gateway-proxy.js';
import { rotating } from '../../support/rotating.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';

const refused =
  (code: number, headers = {}): UpstreamResponse =>
  (_req, res) =>
    void res.writeHead(code, headers).end('refused');

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() through rotating gateways, transport ${transport}`, () => {
    async function start(
      target: string,
      options: ProxyRotateOptions,
      ...stages: ReturnType<typeof rateLimit>[]
    ) {
      const tested = rotating({ connectTimeoutMs: 5000, ...options });
      const { url } = await startForward({ target, transport, secure: false }, ...stages, tested.rotate);
      return { url, ...tested };
    }

    for (const scheme of ['http', 'https']) {
      it(`opens a connection for each attempt with rotating: true (${scheme})`, async () => {
        const target = await startUpstream(text('ok'), scheme === 'https' ? { tls: credentials() } : {});
        const gateway = await startGatewayProxy();
        const { url } = await start(target.url, { proxies: [{ url: gateway.url, rotating: true }] });
        for (let i = 0; i < 3; i++) expect((await call(url)).text).to.equal('ok');
        expect(gateway.connects).to.have.length(3);
        const again = await startGatewayProxy();
        const { url: kept } = await start(target.url, { proxies: [again.url] });
        for (let i = 0; i < 3; i++) await call(kept);
        expect(again.connects).to.have.length(1);
      });
    }

    for (const [what, code] of [
      ['rate limits', 429],
      ['bans', 403],
    ] as const) {
      it(`sends a call again at once by another connection of a gateway, when the target ${what} it`, async () => {
        const target = await startUpstream([refused(code, { 'retry-after': '60' }), text('ok'), text('ok')]);
        const gateway = await startGatewayProxy();
        const limit = rateLimit({});
        onCleanup(() => limit.close());
        const options = { proxies: [{ url: gateway.url, rotating: true }] };
        const { url, rotate, events } = await start(target.url, options, limit);
        expect((await call(url)).text).to.equal('ok');
        expect((await call(url)).text).to.equal('ok');
        expect(gateway.connects).to.have.length(3);
        expect([rotate.status()[0]?.state, events]).to.deep.equal(['ok', []]);
      });
    }

    it('passes on what a target says by every connection of a gateway, after maxProxiesPerCall of them', async () => {
      const target = await startUpstream(refused(429, { 'retry-after': '60' }));
      const gateway = await startGatewayProxy();
      const options = { proxies: [{ url: gateway.url, rotating: true }], maxProxiesPerCall: 3 };
      const { url, rotate } = await start(target.url, options);
      expect((await call(url)).status).to.equal(429);
      expect(gateway.connects).to.have.length(3);
      expect(rotate.status()[0]).to.include({ state: 'ok', attempts: 3, active: 0 });
    });

    it('tries another connection of a gateway when one leads to an address that cannot reach the target', async () => {
      const target = await startUpstream(text('ok'));
      const gateway = await startConnectProxy((open, client) => {
        if (gateway.connects.length === 2) open();
        else client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      });
      const { url, rotate } = await start(target.url, { proxies: [{ url: gateway.url, rotating: true }] });
      expect((await call(url)).text).to.equal('ok');
      expect((await call(url)).json()).to.have.property('code', 'ERR_UPSTREAM_CONNECT');
      expect(gateway.connects).to.have.length(2 + 5);
      expect(rotate.status()[0]).to.include({ state: 'ok', attempts: 1 });
    });

    it('keeps as many sessions as sessions says, and uses each in turn', async () => {
      const target = await startUpstream(text('ok'));
      const gateway = await startGatewayProxy();
      const proxies = [{ url: `http://u-session-{session}:pw@${gateway.name}`, sessions: 3 }];
      const { url, rotate } = await start(target.url, { proxies });
      for (let i = 0; i < 6; i++) expect((await call(url)).text).to.equal('ok');
      expect(new Set(gateway.users()).size).to.equal(3);
      expect(gateway.users().join(' ')).to.match(/^u-session-[0-9a-z]{12} u-session-[0-9a-z]{12} u-session-/);
      const states = rotate.status().map(({ name, attempts }) => `${name}: ${attempts}`);
      expect(states).to.deep.equal([1, 2, 3].map((n) => `${gateway.name} session ${n}: 2`));
    });

    it('replaces a session that the target refuses', async () => {
      const target = await startUpstream([
        text('1'),
        text('2'),
        refused(429),
        text('3'),
        text('4'),
        text('5'),
      ]);
      const gateway = await startGatewayProxy();
      const proxies = [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 2 }];
      const { url, rotate, events } = await start(target.url, { proxies });
      for (const expected of ['1', '2', '3', '4', '5']) expect((await call(url)).text).to.equal(expected);
      const users = gateway.users();
      expect([users.length, new Set(users).size]).to.deep.equal([3, 3]);
      expect(events).to.deep.equal([]);
      expect(rotate.status().map((proxy) => proxy.state)).to.deep.equal(['ok', 'ok']);
    });

    it('replaces a session that is banned, once another has shown that it is', async () => {
      const target = await startUpstream([refused(403), text('1'), text('2'), text('3')]);
      const gateway = await startGatewayProxy();
      const proxies = [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 2 }];
      const { url } = await start(target.url, { proxies });
      for (const expected of ['1', '2', '3']) expect((await call(url)).text).to.equal(expected);
      expect(new Set(gateway.users()).size).to.equal(3);
    });

    it('replaces a session after maxUses attempts, and lets those under way go on', async () => {
      const target = await startUpstream(text('ok'));
      const gateway = await startGatewayProxy();
      const proxies = [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 1, maxUses: 2 }];
      const { url } = await start(target.url, { proxies });
      for (let i = 0; i < 6; i++) expect((await call(url)).text).to.equal('ok');
      expect(new Set(gateway.users()).size).to.equal(3);
    });

    it('closes what still goes on by a session that was replaced', async () => {
      const target = await startUpstream((_req, res) => void res.writeHead(200).write('half'));
      const gateway = await startGatewayProxy();
      const { rotate } = rotating({
        proxies: [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 1, maxUses: 1 }],
      });
      const forward = openForward({ target: target.url, transport });
      const { url } = await serve((req, res) => rotate(req, res, () => void forward(req, res)));
      const open = await Promise.all([0, 1, 2].map(() => headOf(begin(url))));
      expect(new Set(gateway.users()).size).to.equal(3);
      const ends = open.map(
        ({ res }) => new Promise((resolve) => res.on('error', () => {}).once('close', resolve)),
      );
      for (const { res } of open) res.resume();
      rotate.close();
      await forward.close();
      await Promise.all(ends);
      await until(() => target.connections.open === 0);
    });

    it('gives each stickyKey a session of its own, the same in each process, until it is refused', async () => {
      const target = await startUpstream(text('ok'));
      const gateway = await startGatewayProxy();
      const options: ProxyRotateOptions = {
        proxies: [`http://u-{session}:pw@${gateway.name}`],
        strategy: 'sticky',
        stickyKey: (req) => req.url ?? '',
      };
      const one = await start(target.url, options);
      for (const path of ['/ann', '/bob', '/ann']) await call(`${one.url}${path}`);
      const [ann, bob, ...more] = gateway.users();
      expect([ann === bob, more]).to.deep.equal([false, []]);
      expect(ann).to.not.include('ann');
      const two = await start(target.url, options);
      await call(`${two.url}/bob`);
      expect(gateway.users()[2]).to.equal(bob);
      expect(one.rotate.status()).to.have.length(1);
      expect(one.rotate.status()[0]).to.include({ attempts: 3, active: 0 });

      const strict = await startUpstream([refused(429), text('new'), text('same')]);
      const three = await start(strict.url, options);
      expect((await call(`${three.url}/ann`)).text).to.equal('new');
      expect((await call(`${three.url}/ann`)).text).to.equal('same');
      const [before, after, ...rest] = gateway.users().slice(3);
      expect([before, before === after, rest]).to.deep.equal([ann, false, []]);
    });

    it('probes a dead gateway once, however many sessions it has', async () => {
      const target = await startUpstream(text('ok'));
      const dead = await startConnectProxy((_open, client) => client.end('HTTP/1.1 407 No\r\n\r\n'));
      const { url } = await start(target.url, { proxies: [`http://u-{session}:pw@${dead.name}`] });
      for (let i = 0; i < 3; i++) expect((await call(url)).status).to.equal(503);
      expect(dead.connects).to.have.length(1);
    });

    it('sends connectHeaders to the proxy alone', async () => {
      const target = await startUpstream(status(200));
      const proxy = await startConnectProxy();
      const { url } = await start(target.url, {
        proxies: [{ url: proxy.url, connectHeaders: { 'X-Country': 'de' } }],
      });
      expect((await call(url)).status).to.equal(200);
      expect(proxy.rawHeaders[0]?.join(': ')).to.include('X-Country: de');
      expect(target.requests[0]?.rawHeaders.join(': ')).to.not.match(/x-country/i);
    });

    it('does not count as sent what never got a connection', async () => {
      const target = await startUpstream(text('ok'));
      const refusing = await startConnectProxy((_open, client) => client.end('HTTP/1.1 503 Busy\r\n\r\n'));
      const good = await startConnectProxy();
      const { url, rotate } = await start(target.url, { proxies: [refusing.url, good.url] });
      for (let i = 0; i < 3; i++) expect((await call(url)).text).to.equal('ok');
      expect(rotate.status().map(({ attempts, active }) => [attempts, active])).to.deep.equal([
        [0, 0],
        [3, 0],
      ]);
    });
  });
}
