import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { exchangeOf } from '../../../lib/core/exchange.js';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { retry } from '../../../lib/retry/retry.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { call } from '../../support/client.js';
import { type ForwardProxy, startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { json, startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';

/** Responds with the address of its client. */
const caller: UpstreamResponse = (req, res) => {
  const from = String(req.socket.remoteAddress).replace('::ffff:', '');
  res.end(from);
};

const DIRECT = '127.0.0.1';

/** Proxies that each connect from a loopback address of their own. */
function startProxies(count: number): Promise<ForwardProxy[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) => startForwardProxy({ from: `127.0.0.${i + 2}` })),
  );
}

/** Makes calls one after the other. @returns the address from which each reached the target */
async function callers(url: string, times: number): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < times; i++) seen.push((await call(url)).text);
  return seen;
}

for (const transport of TRANSPORTS) {
  describe(`proxyRotate(), transport ${transport}`, () => {
    async function start(
      target: string,
      options: ProxyRotateOptions,
      more: Omit<ForwardOptions, 'target'> = {},
      ...stages: Parameters<typeof startForward>[1][]
    ) {
      const tested = rotating(options);
      const { url } = await startForward(
        { target, transport, secure: false, ...more },
        ...stages,
        tested.rotate,
      );
      return { url, ...tested };
    }

    for (const scheme of ['http', 'https']) {
      it(`reaches an ${scheme} target through a tunnel that it reuses`, async () => {
        const target = await startUpstream(caller, scheme === 'https' ? { tls: credentials() } : {});
        const [proxy] = await startProxies(1);
        const { url } = await start(target.url, { proxies: [proxy?.url ?? ''] });
        expect(await callers(url, 5)).to.deep.equal(Array(5).fill(proxy?.from));
        expect(proxy?.connects.map((connect) => connect.url)).to.deep.equal([`127.0.0.1:${target.port}`]);
        expect(proxy?.requests).to.deep.equal([]);
      });

      it(`sends its credentials to the proxy, and not to the ${scheme} target`, async () => {
        const target = await startUpstream(json({}), scheme === 'https' ? { tls: credentials() } : {});
        const proxy = await startForwardProxy({ credentials: 'us@er:p@ss:w%rd' });
        const { url, rotate } = await start(target.url, { proxies: [proxy.url] });
        expect((await call(url, { headers: { 'proxy-authorization': 'Basic b2Zjbw==' } })).status).to.equal(
          200,
        );
        expect(proxy.connects[0]?.user).to.equal('us@er');
        expect(target.requests[0]?.rawHeaders.join('\n')).to.not.match(/proxy-auth|p@ss|us@er|dXNAZXI/i);
        expect(JSON.stringify(rotate.status())).to.not.match(/p@ss|p%40ss|us@er|us%40er/);
      });
    }

    it('carries a body both ways', async () => {
      const target = await startUpstream((req, res) => void req.pipe(res), { readBody: false });
      const [proxy] = await startProxies(1);
      const { url } = await start(target.url, { proxies: [proxy?.url ?? ''] });
      const body = Buffer.alloc(300_000, 'body');
      expect((await call(url, { method: 'POST', body })).body.equals(body)).to.equal(true);
    });

    it('goes through an https proxy that it trusts', async () => {
      const target = await startUpstream(caller, { tls: credentials() });
      const proxy = await startForwardProxy({ credentials: 'a:b', tls: credentials() });
      const { url } = await start(target.url, { proxies: [{ url: proxy.url, ca: credentials().ca }] });
      expect(await callers(url, 3)).to.deep.equal(Array(3).fill(proxy.from));
      expect(proxy.connects).to.have.length(1);
    });

    it('checks the certificate of the target inside the tunnel, and blames no proxy for what all of them see', async () => {
      const target = await startUpstream(caller, { tls: credentials() });
      const proxies = await startProxies(2);
      const { url, rotate } = await start(
        target.url,
        { proxies: proxies.map((proxy) => proxy.url) },
        { secure: true },
      );
      const response = await call(url);
      expect([response.status, response.json()]).to.deep.equal([
        502,
        { error: 'No trusted TLS connection to the upstream', code: 'ERR_UPSTREAM_TLS' },
      ]);
      expect(target.requests).to.deep.equal([]);
      expect(proxies.map((proxy) => proxy.connects.length)).to.deep.equal([1, 1]);
      expect(rotate.status().map((proxy) => proxy.state)).to.deep.equal(['ok', 'ok']);
    });

    it('sends the name of the target by SNI inside the tunnel', async () => {
      const names: unknown[] = [];
      const target = await startUpstream(
        (req, res) => {
          names.push(Reflect.get(req.socket, 'servername'));
          res.end();
        },
        { tls: credentials() },
      );
      const [proxy] = await startProxies(1);
      const named = await start(`https://localhost:${target.port}`, { proxies: [proxy?.url ?? ''] });
      await call(named.url, { headers: { host: 'client.example' } });
      const address = await start(target.url, { proxies: [proxy?.url ?? ''] });
      await call(address.url, { headers: { host: 'client.example' } });
      expect(names).to.deep.equal(['localhost', false]);
    });

    it('sends requests to http targets in absolute form with tunnel: false', async () => {
      const target = await startUpstream(caller);
      const proxy = await startForwardProxy({ credentials: 'a:b' });
      const { url } = await start(`${target.url}/v2`, { proxies: [proxy.url], tunnel: false });
      expect((await call(`${url}/x?y=1`, { headers: { host: 'client.example' } })).text).to.equal(proxy.from);
      expect((await call(`${url}/z`, { method: 'POST', body: 'text' })).text).to.equal(proxy.from);
      expect(proxy.connects).to.deep.equal([]);
      expect(proxy.requests.map((request) => request.url)).to.deep.equal([
        `${target.url}/v2/x?y=1`,
        `${target.url}/v2/z`,
      ]);
      expect(target.requests.map(({ url: path, body }) => [path, body.toString()])).to.deep.equal([
        ['/v2/x?y=1', ''],
        ['/v2/z', 'text'],
      ]);
      expect(target.requests[0]?.headers).to.not.have.property('proxy-authorization');
    });

    it('puts an IPv6 target in brackets', async () => {
      const heads: string[] = [];
      const proxy = await startRawUpstream(async (connection) => {
        await connection.heads();
        heads.push(connection.received.split('\r\n')[0] ?? '');
        connection.end('HTTP/1.1 502 No IPv6 here\r\n\r\n');
      });
      const { url } = await start('http://[2001:db8::1]:8080', { proxies: [proxy.url] });
      await call(url);
      const plain = await start('https://[2001:db8::1]', { proxies: [proxy.url] });
      await call(plain.url);
      expect(heads).to.deep.equal([
        'CONNECT [2001:db8::1]:8080 HTTP/1.1',
        'CONNECT [2001:db8::1]:443 HTTP/1.1',
      ]);
    });

    it('sends requests in absolute form to an https proxy', async () => {
      const target = await startUpstream(caller);
      const proxy = await startForwardProxy({ credentials: 'a:b', tls: credentials() });
      const { url } = await start(target.url, {
        proxies: [{ url: proxy.url, ca: credentials().ca }],
        tunnel: false,
      });
      expect(await callers(url, 3)).to.deep.equal(Array(3).fill(proxy.from));
      expect([proxy.connects.length, proxy.requests.length]).to.deep.equal([0, 3]);
    });

    it('opens a tunnel to https targets with tunnel: false too', async () => {
      const target = await startUpstream(caller, { tls: credentials() });
      const [proxy] = await startProxies(1);
      const { url } = await start(target.url, { proxies: [proxy?.url ?? ''], tunnel: false });
      expect((await call(url)).text).to.equal(proxy?.from);
      expect(proxy?.connects).to.have.length(1);
    });

    it('takes each proxy in turn', async () => {
      const target = await startUpstream(caller);
      const proxies = await startProxies(3);
      const { url, rotate } = await start(target.url, { proxies: proxies.map((proxy) => proxy.url) });
      const froms = proxies.map((proxy) => proxy.from);
      expect(await callers(url, 6)).to.deep.equal([...froms, ...froms]);
      expect(rotate.status().map((proxy) => [proxy.attempts, proxy.active])).to.deep.equal([
        [2, 0],
        [2, 0],
        [2, 0],
      ]);
    });

    it('spreads 64 calls at a time evenly over the proxies', async () => {
      const target = await startUpstream(caller);
      const proxies = await startProxies(4);
      const { url, rotate } = await start(target.url, { proxies: proxies.map((proxy) => proxy.url) });
      const calls = 1200;
      let next = 0;
      const worker = async (): Promise<void> => {
        if (next++ >= calls) return;
        expect((await call(url)).status).to.equal(200);
        await worker();
      };
      await Promise.all(Array.from({ length: 64 }, worker));
      const shares = rotate.status().map((proxy) => proxy.attempts / (calls / 4));
      expect(Math.min(...shares)).to.be.at.least(0.98);
      expect(Math.max(...shares)).to.be.at.most(1.02);
    });

    it('opens no more tunnels than connections allows', async () => {
      const target = await startUpstream(text('ok'), { tls: credentials() });
      const [proxy] = await startProxies(1);
      const { url } = await start(target.url, { proxies: [proxy?.url ?? ''], connections: 16 });
      let next = 0;
      const worker = async (): Promise<void> => {
        if (next++ >= 300) return;
        expect((await call(url)).status).to.equal(200);
        await worker();
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      expect(target.requests).to.have.length(300);
      expect(proxy?.connects.length).to.be.within(1, 16);
    });

    it('uses one proxy for one key with the strategy sticky', async () => {
      const target = await startUpstream(caller);
      const proxies = await startProxies(4);
      const { url } = await start(target.url, {
        proxies: proxies.map((proxy) => proxy.url),
        strategy: 'sticky',
        stickyKey: (req: IncomingMessage) => String(req.headers['x-user']),
      });
      const users = Array.from({ length: 24 }, (_, i) => `user ${i}`);
      const round = async (): Promise<string[]> => {
        const seen: string[] = [];
        for (const user of users) seen.push((await call(url, { headers: { 'x-user': user } })).text);
        return seen;
      };
      const first = await round();
      expect(await round()).to.deep.equal(first);
      expect(new Set(first).size).to.equal(4);
    });

    it('responds to an error of stickyKey with ERR_INTERNAL', async () => {
      const target = await startUpstream(caller);
      const stickyKey = (): string => {
        throw new Error('no such user');
      };
      const { url } = await start(target.url, {
        proxies: ['http://127.0.0.1:1'],
        strategy: 'sticky',
        stickyKey,
      });
      expect((await call(url)).json()).to.have.property('code', 'ERR_INTERNAL');
      expect(target.connections.total).to.equal(0);
    });

    it('takes the proxy with the fewest calls under way with the strategy least_used', async () => {
      const held: (() => void)[] = [];
      const target = await startUpstream((req, res) => {
        if (req.url === '/held') held.push(() => res.end(String(req.socket.remoteAddress)));
        else caller(req, res);
      });
      const [first, second] = await startProxies(2);
      const { url, rotate } = await start(target.url, {
        proxies: [first?.url ?? '', second?.url ?? ''],
        strategy: 'least_used',
      });
      expect(await callers(url, 2)).to.deep.equal([first?.from, second?.from]);
      const waiting = call(`${url}/held`);
      while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(rotate.status().map((proxy) => proxy.active)).to.deep.equal([1, 0]);
      expect(await callers(url, 3)).to.deep.equal(Array(3).fill(second?.from));
      held[0]?.();
      await waiting;
    });

    it('connects directly with the strategy never', async () => {
      const target = await startUpstream(caller);
      const { url } = await start(target.url, { proxies: ['http://127.0.0.1:1'], strategy: 'never' });
      expect(await callers(url, 2)).to.deep.equal([DIRECT, DIRECT]);
    });

    it('connects directly to targets in noProxy, and to no others', async () => {
      const listed = await startUpstream(caller);
      const other = await startUpstream(caller);
      const [proxy] = await startProxies(1);
      const options = { proxies: [proxy?.url ?? ''], noProxy: [`127.0.0.0/8:${listed.port}`] };
      const { url } = await start(listed.url, options, {
        router: (req: IncomingMessage) => (req.url === '/other' ? other.url : listed.url),
      });
      expect((await call(`${url}/listed`)).text).to.equal(DIRECT);
      expect((await call(`${url}/other`)).text).to.equal(proxy?.from);
    });

    it('connects directly until a 429, and through a proxy until its Retry-After is over', async () => {
      let limited = false;
      const target = await startUpstream((req, res) => {
        const direct = String(req.socket.remoteAddress).endsWith(DIRECT);
        if (limited && direct) res.writeHead(429, { 'retry-after': '60' }).end();
        else caller(req, res);
      });
      const [proxy] = await startProxies(1);
      const { url, rotate, events, advance } = await start(target.url, {
        proxies: [proxy?.url ?? ''],
        strategy: 'on_rate_limit',
      });
      expect(await callers(url, 2)).to.deep.equal([DIRECT, DIRECT]);
      limited = true;
      expect(await callers(url, 4)).to.deep.equal(Array(4).fill(proxy?.from));
      const host = `127.0.0.1:${target.port}`;
      expect(rotate.status()[0]).to.include({
        name: 'direct',
        address: undefined,
        state: 'cooling-down',
        reason: `status 429 of ${host}`,
        attempts: 3,
      });
      limited = false;
      advance(60_001);
      expect(await callers(url, 2)).to.deep.equal([DIRECT, DIRECT]);
      expect(events).to.deep.equal([
        `cooldown undefined for http://${host}: status 429 of ${host}, 60000 ms`,
        `recovered undefined for http://${host}`,
      ]);
    });

    it('cools down a proxy that got a 429, for that target only', async () => {
      const limiting = await startUpstream((req, res) => {
        const from = String(req.socket.remoteAddress);
        if (from.endsWith('.2')) res.writeHead(429, { 'retry-after': '120' }).end();
        else caller(req, res);
      });
      const other = await startUpstream(caller);
      const proxies = await startProxies(2);
      const { url, rotate, advance } = await start(
        limiting.url,
        { proxies: proxies.map((proxy) => proxy.url) },
        { router: (req: IncomingMessage) => (req.url === '/other' ? other.url : limiting.url) },
      );
      expect(await callers(url, 4)).to.deep.equal(Array(4).fill('127.0.0.3'));
      expect(new Set(await callers(`${url}/other`, 2))).to.deep.equal(new Set(['127.0.0.2', '127.0.0.3']));
      expect(rotate.status()[0]).to.include({
        state: 'cooling-down',
        reason: `status 429 of 127.0.0.1:${limiting.port}`,
      });
      advance(120_001);
      const before = limiting.requests.length;
      expect(await callers(url, 2)).to.deep.equal(Array(2).fill('127.0.0.3'));
      expect(limiting.requests.length - before).to.equal(3);
    });

    it('obeys a Retry-After for maxCooldownMs at most, and ignores one that cannot be read', async () => {
      for (const [retryAfter, cooldownMs] of [
        ['31536000', 90_000],
        ['Fri, 31 Dec 9999 23:59:59 GMT', 90_000],
        ['banana', 30_000],
        ['-5', 30_000],
      ] as const) {
        const target = await startUpstream(status(429, { 'retry-after': retryAfter }));
        const [proxy] = await startProxies(1);
        const { url, events } = await start(target.url, {
          proxies: [proxy?.url ?? ''],
          maxCooldownMs: 90_000,
        });
        await call(url);
        expect(events[0], retryAfter).to.match(new RegExp(`, ${cooldownMs} ms$`));
      }
    });

    it('keeps using a proxy after a status that cooldownOnStatus does not list', async () => {
      const target = await startUpstream(status(429));
      const [proxy] = await startProxies(1);
      const { url, events } = await start(target.url, {
        proxies: [proxy?.url ?? ''],
        cooldownOnStatus: [403],
      });
      for (let i = 0; i < 3; i++) expect((await call(url)).status).to.equal(429);
      expect(events).to.deep.equal([]);
    });

    it('prefers proxies whose advertised limits allow the call', async () => {
      const target = await startUpstream(caller);
      const proxies = await startProxies(2);
      const exhausted = proxies[0]?.name;
      const limit = {
        readyAt: (egress: string | undefined) => (egress === exhausted ? Date.now() + 60_000 : 0),
      };
      const { url } = await start(
        target.url,
        { proxies: proxies.map((proxy) => proxy.url) },
        {},
        (req, res, next) => {
          exchangeOf(req, res).limits.push(limit);
          next();
        },
      );
      expect(await callers(url, 3)).to.deep.equal(Array(3).fill(proxies[1]?.from));
    });

    it('sends a retry through the next proxy, and names each in its attempt', async () => {
      const target = await startUpstream([status(503), caller]);
      const proxies = await startProxies(2);
      const egresses: (string | undefined)[][] = [];
      const { url } = await start(
        target.url,
        { proxies: proxies.map((proxy) => proxy.url) },
        {},
        (req, res, next) => {
          const { attempts } = exchangeOf(req, res);
          res.on('close', () => egresses.push(attempts.map((attempt) => attempt.egress)));
          next();
        },
        retry({ initialDelayMs: 1 }),
      );
      expect((await call(url)).text).to.equal(proxies[1]?.from);
      expect(egresses).to.deep.equal([proxies.map((proxy) => proxy.name)]);
    });
  });
}
