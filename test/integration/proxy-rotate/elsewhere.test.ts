import type { Socket } from 'node:net';
import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import type { Handler } from '../../../lib/core/exchange.js';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { retry } from '../../../lib/retry/retry.js';
import { call } from '../../support/client.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() comparing its proxies, transport ${transport}`, () => {
    async function start(target: string, options: ProxyRotateOptions, ...stages: Handler[]) {
      const tested = rotating({ connectTimeoutMs: 300, ...options });
      const guard = breaker({ failureThreshold: 3 });
      const { url } = await startForward(
        { target, transport, ca: credentials().ca },
        guard,
        ...stages,
        tested.rotate,
      );
      return { url, guard, ...tested };
    }

    it('takes for the failure of the target what all proxies say of it, and blames none', async () => {
      const proxies = await Promise.all([startConnectProxy(), startConnectProxy()]);
      const { url, guard, events, rotate } = await start(`http://127.0.0.1:${await unusedPort()}`, {
        proxies: proxies.map((proxy) => proxy.url),
      });
      const codes = [];
      for (let i = 0; i < 4; i++) codes.push(((await call(url)).json() as { code: string }).code);
      expect(codes).to.deep.equal([...Array(3).fill('ERR_UPSTREAM_CONNECT'), 'ERR_CIRCUIT_OPEN']);
      expect(guard.state).to.equal('OPEN');
      expect(proxies.map(({ connects }) => connects.length)).to.deep.equal([3, 3]);
      expect(rotate.status().map(({ state }) => state)).to.deep.equal(['ok', 'ok']);
      expect(events).to.deep.equal([]);
    });

    for (const status of [302, 402, 403, 405, 429, 501]) {
      it(`does not take ${status} of all proxies for the failure of the target`, async () => {
        const refuse = () =>
          startConnectProxy((_open, client) => client.end(`HTTP/1.1 ${status} No\r\n\r\n`));
        const proxies = [(await refuse()).url, (await refuse()).url];
        const { url, guard } = await start('http://api.test', { proxies });
        for (let i = 0; i < 4; i++) {
          expect((await call(url)).json()).to.deep.equal({
            error: `The egress proxy could not be used: status ${status}`,
            code: 'ERR_PROXY_CONNECT',
          });
        }
        expect(guard.state).to.equal('CLOSED');
        const down = await startConnectProxy((_open, client) => client.end('HTTP/1.1 502 No\r\n\r\n'));
        for (const mixed of [
          [...proxies, down.url],
          [down.url, ...proxies],
        ]) {
          const tested = await start('http://api.test', { proxies: mixed });
          expect((await call(tested.url)).json()).to.have.property('code', 'ERR_UPSTREAM_CONNECT');
        }
      });
    }

    it('blames a proxy that breaks TLS open', async () => {
      const target = await startUpstream(text('sunny'), { tls: credentials() });
      const rogue = await startUpstream(text('rogue'), { tls: credentials('DNS:elsewhere.test') });
      const bad = await startConnectProxy((open) => open(undefined, rogue.port));
      const good = await startConnectProxy();
      const { url, guard, events } = await start(target.url, { proxies: [bad.url, good.url] });
      for (let i = 0; i < 5; i++) expect((await call(url)).text).to.equal('sunny');
      expect(rogue.requests).to.deep.equal([]);
      expect(bad.connects).to.have.length(1);
      expect(events).to.have.length(1);
      expect(events[0]).to.match(/cooldown .* for https:.*(CERT|VERIFY)/);
      expect(guard.state).to.equal('CLOSED');
    });

    it('lets a proxy cool down for the target alone that keeps it waiting', async () => {
      const target = await startUpstream(text('sunny'));
      const proxy = await startConnectProxy((open, _client, { url }) => {
        if (!url?.startsWith('blackhole')) open();
      });
      const tested = rotating({ connectTimeoutMs: 200, proxies: [proxy.url] });
      const { url } = await startForward(
        {
          target: target.url,
          transport,
          router: (req) => (req.url === '/slow' ? 'http://blackhole.invalid' : target.url),
        },
        tested.rotate,
      );
      // There is no other proxy to compare with, and this one has said nothing.
      expect((await call(`${url}/slow`)).json()).to.have.property('code', 'ERR_NO_PROXY');
      expect((await call(url)).text).to.equal('sunny');
      expect(tested.events[0]).to.match(/ for http:\/\/blackhole.invalid: no connection in time/);
    });

    for (const encrypted of [false, true]) {
      it(`blames a proxy that drops its new tunnels${encrypted ? ' to https' : ''}`, async () => {
        const target = await startUpstream(text('sunny'), encrypted ? { tls: credentials() } : {});
        // One that takes the connection, and ends it at the request.
        const mute = await startUpstream(
          (req) => void req.socket.destroy(),
          encrypted ? { tls: credentials() } : {},
        );
        const bad = await startConnectProxy((open) => open(undefined, mute.port));
        const proxies = [bad, await startConnectProxy(), await startConnectProxy()];
        const { url, events } = await start(target.url, { proxies: proxies.map((proxy) => proxy.url) });
        const statuses = [];
        for (let i = 0; i < 24; i++) statuses.push((await call(url, { method: 'POST', body: 'x' })).status);
        expect(statuses.filter((status) => status === 502)).to.have.length(3);
        expect(bad.connects).to.have.length(3);
        expect(events).to.have.length(1);
        expect(events[0]).to.match(/cooldown .*breaks off connections/);
      });
    }

    const HANG_UPS: readonly [how: string, hangUp: (client: Socket) => unknown][] = [
      ['closes', (client) => client.end()],
      ['resets', (client) => client.resetAndDestroy()],
      ['breaks off half of a response on', (client) => client.end('HTTP/1.1 50')],
    ];
    for (const [how, hangUp] of HANG_UPS) {
      for (const count of [1, 2]) {
        it(`keeps ${count} in use for other targets where one that works ${how} connections for one target`, async () => {
          const target = await startUpstream(text('sunny'));
          const proxies = await Promise.all(
            Array.from({ length: count }, () =>
              startConnectProxy((open, client, { url }) =>
                url?.startsWith('dead') ? hangUp(client) : open(),
              ),
            ),
          );
          const { rotate, events } = rotating({ proxies: proxies.map((proxy) => proxy.url) });
          const { url } = await startForward(
            {
              target: target.url,
              transport,
              router: ({ url }) => (url === '/dead' ? 'http://dead.test' : target.url),
            },
            rotate,
          );
          for (let i = 0; i < count; i++) expect((await call(url)).text).to.equal('sunny');
          // One alone can be compared with none: it is left out for that target, as a silent one is.
          const code = count === 1 ? 'ERR_NO_PROXY' : 'ERR_UPSTREAM_CONNECT';
          for (let i = 0; i < 3; i++)
            expect((await call(`${url}/dead`)).json()).to.have.property('code', code);
          for (let i = 0; i < count; i++) expect((await call(url)).text).to.equal('sunny');
          expect(events.filter((event) => event.startsWith('cooldown'))).to.have.length(count === 1 ? 1 : 0);
        });
      }
    }

    it('blames a proxy through which requests get no response', async () => {
      const target = await startUpstream(text('sunny'));
      const mute = await startUpstream(() => {});
      const bad = await startConnectProxy((open) => open(undefined, mute.port));
      const proxies = [bad, await startConnectProxy(), await startConnectProxy()];
      const tested = rotating({ proxies: proxies.map((proxy) => proxy.url) });
      const { url } = await startForward(
        { target: target.url, transport, requestTimeoutMs: 100 },
        tested.rotate,
      );
      const statuses = [];
      for (let i = 0; i < 24; i++) statuses.push((await call(url, { method: 'POST', body: 'x' })).status);
      expect(statuses.filter((status) => status === 504)).to.have.length(3);
      expect(bad.connects).to.have.length(3);
      expect(tested.events).to.have.length(1);
      expect(tested.events[0]).to.match(/cooldown .*gets no responses in time/);
    });

    it('blames a proxy that breaks off responses', async () => {
      const target = await startUpstream(text('sunny'));
      const short = await startUpstream((_req, res) => {
        res.writeHead(200, { 'Content-Length': 100 });
        res.write('sun', () => res.destroy());
      });
      const bad = await startConnectProxy((open) => open(undefined, short.port));
      const proxies = [bad, await startConnectProxy(), await startConnectProxy()];
      const { url, events } = await start(target.url, { proxies: proxies.map((proxy) => proxy.url) });
      let cut = 0;
      for (let i = 0; i < 24; i++) await call(url).catch(() => cut++);
      expect(cut).to.equal(3);
      expect(bad.connects).to.have.length(3);
      expect(events).to.have.length(1);
      expect(events[0]).to.match(/cooldown .*breaks off connections/);
    });

    it('blames no proxy for a target that begins to drop all connections', async () => {
      let drops = false;
      const target = await startUpstream((req, res) => {
        if (drops) req.socket.destroy();
        else res.end('sunny');
      });
      const proxies = [await startConnectProxy(), await startConnectProxy()];
      const { rotate, events } = rotating({ proxies: proxies.map((proxy) => proxy.url) });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      for (let i = 0; i < 20; i++) expect((await call(url)).text).to.equal('sunny');
      drops = true;
      for (let i = 0; i < 20; i++) expect((await call(url)).status).to.equal(502);
      drops = false;
      expect((await call(url)).text).to.equal('sunny');
      expect(events).to.deep.equal([]);
    });

    /** Refuses what comes from the first proxy. */
    const refusing =
      (status: number): UpstreamResponse =>
      (req, res) => {
        const refused = String(req.socket.remoteAddress).endsWith('.2');
        if (refused) res.writeHead(status, { 'retry-after': '60' }).end('go away');
        else res.end('sunny');
      };

    it('sends a call at once through another proxy after a 429, whatever its Retry-After', async () => {
      for (const stages of [[], [retry({ maxAttempts: 1 })]]) {
        const target = await startUpstream(refusing(429));
        const [first, second] = [await startForwardProxy(), await startForwardProxy({ from: '127.0.0.3' })];
        const { url, events } = await start(target.url, { proxies: [first.url, second.url] }, ...stages);
        expect((await call(url)).text).to.equal('sunny');
        expect(target.requests).to.have.length(2);
        expect(events[0]).to.match(/status 429 .*, 60000 ms$/);
      }
    });

    const bans: [what: string, response: UpstreamResponse, rule: ProxyRotateOptions['banWhen']][] = [
      ['403', (_req, res) => void res.writeHead(403).end(), undefined],
      [
        'a redirect to a captcha',
        (_req, res) => void res.writeHead(302, { location: 'https://x.test/captcha?a=b' }).end(),
        { location: ['/captcha'] },
      ],
      [
        '200 with a header of a challenge',
        (_req, res) => void res.writeHead(200, { 'X-Mitigated': 'Challenge' }).end('<html>'),
        { header: { 'x-mitigated': 'challenge' } },
      ],
      [
        'what a function says',
        (_req, res) => void res.writeHead(200, { server: 'guard' }).end('<html>'),
        ({ status, headers }) => status === 200 && headers.server === 'guard',
      ],
    ];
    for (const [what, ban, banWhen] of bans) {
      it(`takes a proxy for banned that gets ${what}, if another does not`, async () => {
        let all = false;
        const target = await startUpstream((req, res) => {
          if (all || String(req.socket.remoteAddress).endsWith('.2')) ban(req, res);
          else res.end('sunny');
        });
        const [first, second] = [await startForwardProxy(), await startForwardProxy({ from: '127.0.0.3' })];
        const { url, events, rotate, advance, guard } = await start(target.url, {
          proxies: [first.url, second.url],
          ...(banWhen ? { banWhen } : {}),
        });
        for (let i = 0; i < 3; i++) expect((await call(url)).text).to.equal('sunny');
        expect(target.requests).to.have.length(4);
        expect(events).to.have.length(1);
        expect(events[0]).to.match(/ a ban by 127\.0\.0\.1:\d+, 30000 ms$/);
        // What all of them get is the target's response to this call.
        advance(30_001);
        all = true;
        expect((await call(url)).text).to.not.equal('sunny');
        expect(target.requests).to.have.length(6);
        expect(rotate.status().map(({ state }) => state)).to.not.include('probing');
        expect(rotate.status()[1]).to.include({ state: 'ok' });
        expect(events).to.have.length(1);
        expect(guard.state).to.equal('CLOSED');
      });
    }

    it('sends a POST through another proxy at once where its owner lets it be sent twice', async () => {
      const post = { method: 'POST', body: 'a question' };
      const cases = [
        { status: 429, options: { retryRateLimited: true }, passes: true },
        { status: 403, options: { retryRateLimited: true }, passes: false },
        { status: 403, options: { methods: ['POST'] }, passes: true },
      ];
      for (const { status, options, passes } of cases) {
        const target = await startUpstream(refusing(status));
        const [first, second] = [await startForwardProxy(), await startForwardProxy({ from: '127.0.0.3' })];
        const { url } = await start(target.url, { proxies: [first.url, second.url] }, retry(options));
        const response = await call(url, post);
        expect(response.status, JSON.stringify(options)).to.equal(passes ? 200 : status);
        expect(target.requests.map(({ body }) => String(body))).to.deep.equal(
          Array(passes ? 2 : 1).fill('a question'),
        );
      }
    });

    it('does not send a POST twice', async () => {
      const target = await startUpstream(refusing(429));
      const [first, second] = [await startForwardProxy(), await startForwardProxy({ from: '127.0.0.3' })];
      const { url } = await start(target.url, { proxies: [first.url, second.url] });
      expect((await call(url, { method: 'POST', body: 'x' })).status).to.equal(429);
      expect(target.requests).to.have.length(1);
    });

    it('sends nothing again where the target says that it is in vain', async () => {
      const target = await startUpstream(
        (_req, res) => void res.writeHead(429, { 'x-should-retry': 'false' }).end('no credit'),
      );
      const [first, second] = [await startForwardProxy(), await startForwardProxy()];
      const { url } = await start(target.url, { proxies: [first.url, second.url] }, retry());
      const { status, text: body } = await call(url);
      expect([status, body]).to.deep.equal([429, 'no credit']);
      expect(target.requests).to.have.length(1);
    });

    it('passes the response of the target on where no proxy is left', async () => {
      const target = await startUpstream((_req, res) => void res.writeHead(429).end('quota of the day'));
      for (const count of [1, 2, 7]) {
        const proxies = await Promise.all(Array.from({ length: count }, () => startForwardProxy()));
        const before = target.requests.length;
        const { url } = await start(
          target.url,
          { proxies: proxies.map((proxy) => proxy.url) },
          retry({ initialDelayMs: 20 }),
        );
        const { status, text: body } = await call(url);
        expect([status, body]).to.deep.equal([429, 'quota of the day']);
        expect(target.requests.length - before).to.equal(Math.min(count, 5));
      }
    });
  });
}
