import { connect, createServer } from 'node:net';
import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rotating } from '../../support/rotating.js';
import { startSocksProxy } from '../../support/socks-proxy.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';

/** A wire in front of a proxy that counts what goes over it. */
async function startWire(port: number) {
  const counts = { sent: 0, received: 0 };
  const server = createServer((client) => {
    const proxy = connect(port, '127.0.0.1');
    proxy.on('error', () => {});
    client.on('data', (chunk) => {
      counts.sent += chunk.length;
    });
    proxy.on('data', (chunk) => {
      counts.received += chunk.length;
    });
    client.pipe(proxy).pipe(client);
  });
  return { counts, port: (await listening(server)).port };
}

const BODY = 'x'.repeat(50_000);

for (const transport of TRANSPORTS) {
  describe(`what proxyRotate() counts of each proxy, transport ${transport}`, () => {
    async function start(target: string, options: ProxyRotateOptions) {
      const tested = rotating(options);
      const { url } = await startForward({ target, transport, ca: credentials().ca }, tested.rotate);
      return { url, ...tested };
    }

    const tls = credentials();
    const kinds: Record<
      string,
      { proxy: () => Promise<number>; scheme: string; secure: boolean; tunnel?: false }
    > = {
      'a tunnel to http': {
        proxy: async () => (await startForwardProxy()).port,
        scheme: 'http',
        secure: false,
      },
      'a tunnel to https': {
        proxy: async () => (await startForwardProxy()).port,
        scheme: 'http',
        secure: true,
      },
      'absolute form': {
        proxy: async () => (await startForwardProxy()).port,
        scheme: 'http',
        secure: false,
        tunnel: false,
      },
      'an https proxy': {
        proxy: async () => (await startForwardProxy({ tls })).port,
        scheme: 'https',
        secure: true,
      },
      'a SOCKS proxy': { proxy: async () => (await startSocksProxy()).port, scheme: 'socks5', secure: true },
    };
    for (const [kind, { proxy, scheme, secure, ...more }] of Object.entries(kinds)) {
      it(`is every byte on the wire: ${kind}`, async () => {
        const target = await startUpstream(text(BODY), secure ? { tls } : {});
        const wire = await startWire(await proxy());
        const url = `${scheme}://127.0.0.1:${wire.port}`;
        const { url: gateway, rotate } = await start(target.url, {
          proxies: [{ url, ca: tls.ca, costPerGb: 2 }],
          ...more,
        });
        for (let i = 0; i < 3; i++)
          expect((await call(gateway, { method: 'POST', body: BODY })).text).to.equal(BODY);
        const bytes = () => {
          const [{ bytesSent = 0, bytesReceived = 0, cost = 0 } = {}] = rotate.status();
          return { sent: bytesSent, received: bytesReceived, cost };
        };
        await until(() => bytes().sent === wire.counts.sent && bytes().received === wire.counts.received);
        expect(bytes().sent).to.be.above(150_000);
        expect(bytes().cost).to.be.closeTo(((bytes().sent + bytes().received) / 1e9) * 2, 1e-9);
        const before = bytes();
        rotate.close();
        // Closing says goodbye on TLS connections.
        await new Promise((resolve) => setImmediate(resolve));
        expect(bytes().received).to.equal(before.received);
        expect(bytes().sent - before.sent).to.be.within(0, 200);
      });
    }

    it('is its responses, its latency and its bans', async () => {
      const refusesFirst: UpstreamResponse = (req, res) => {
        const refused = String(req.socket.remoteAddress).endsWith('.2');
        setTimeout(() => res.writeHead(refused ? 403 : 200).end(), 20);
      };
      const target = await startUpstream(refusesFirst);
      const [banned, good] = await Promise.all([
        startForwardProxy({ from: '127.0.0.2' }),
        startForwardProxy({ from: '127.0.0.3' }),
      ]);
      const { url, rotate } = await start(target.url, { proxies: [banned.url, good.url] });
      for (let i = 0; i < 4; i++) expect((await call(url)).status).to.equal(200);
      const [first, second] = rotate.status();
      expect(first).to.include({ attempts: 1, successes: 0, bans: 1, latencyMs: undefined, cost: undefined });
      expect(second).to.include({ attempts: 4, successes: 4, bans: 0 });
      expect(second?.latencyMs).to.be.within(15, 1000);
    });

    it('is no success where the target refuses with 429', async () => {
      const target = await startUpstream([status(429), status(500)]);
      const proxy = await startForwardProxy();
      const { url, rotate, advance } = await start(target.url, { proxies: [proxy.url], costPerGb: 1 });
      expect((await call(url)).status).to.equal(429);
      advance(60_000);
      expect((await call(url)).status).to.equal(500);
      expect(rotate.status()[0]).to.include({ attempts: 2, successes: 1 });
      expect(rotate.status()[0]?.cost).to.be.above(0);
    });
  });
}
