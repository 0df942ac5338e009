import { inspect } from 'node:util';
import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { retry } from '../../../lib/retry/retry.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { begin, call, keepAliveAgent } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { rotating } from '../../support/rotating.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

const caller: UpstreamResponse = (req, res) => void res.end(req.socket.remoteAddress);

/** A broken proxy, and the reason of its cool-down. */
interface Broken {
  readonly what: string;
  readonly reason: RegExp;
  start(): Promise<string>;
}

const raw = async (speak: Parameters<typeof startRawUpstream>[0]) => (await startRawUpstream(speak)).url;

/** Broken for every target. */
const BROKEN: Broken[] = [
  { what: 'refuses', reason: /ECONNREFUSED/, start: async () => `http://127.0.0.1:${await unusedPort()}` },
  {
    what: 'has a name that nobody knows',
    reason: /ENOTFOUND|EAI_AGAIN/,
    start: async () => 'http://nowhere.invalid:3128',
  },
  {
    what: 'responds with 407',
    reason: /status 407/,
    start: async () => (await startForwardProxy({ credentials: 'a:right' })).url.replace('right', 'wrong'),
  },
  {
    what: 'responds to CONNECT with a page',
    reason: /a page instead of a tunnel/,
    start: () =>
      raw(rawResponse('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in, please</html>')),
  },
  {
    what: 'responds to CONNECT with something that is not HTTP',
    reason: /an unreadable response|the connection closed/,
    start: () => raw(rawResponse('<html>\r\n\r\n</html>')),
  },
  {
    what: 'responds with an endless head',
    reason: /an endless response/,
    start: () => raw((connection) => connection.write(`HTTP/1.1 200 OK\r\n${'x'.repeat(200_000)}`)),
  },
  { what: 'accepts and stays silent', reason: /no connection in time/, start: () => raw(() => {}) },
  {
    what: 'closes at once',
    reason: /the connection closed/,
    start: () => raw((connection) => connection.end()),
  },
  {
    what: 'resets the connection at the CONNECT',
    reason: /ECONNRESET|the connection closed/,
    start: () => raw((connection) => connection.heads().then(() => connection.reset())),
  },
  {
    what: 'is an https proxy that nobody trusts',
    reason: /UNABLE_TO_VERIFY|SELF_SIGNED|CERT/,
    start: async () => (await startForwardProxy({ tls: credentials() })).url,
  },
  {
    what: 'speaks no TLS where it should',
    reason: /EPROTO|ERR_SSL|closed/,
    start: async () => (await startForwardProxy()).url.replace('http:', 'https:'),
  },
];

/** Broken for one target only. */
const BROKEN_FOR_TARGET: Broken[] = [
  {
    what: 'responds to CONNECT with 503',
    reason: /status 503/,
    start: () => raw(rawResponse('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')),
  },
];

/** Broken once TLS with the target begins. */
const BROKEN_IN_TUNNEL: Broken[] = [
  {
    what: 'closes the tunnel before TLS is complete',
    reason: /closed in the tunnel/,
    start: () =>
      raw(async (connection) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 Connection established\r\n\r\n');
        await until(() => connection.received.length > connection.received.indexOf('\r\n\r\n') + 4);
        connection.end();
      }),
  },
  {
    what: 'stays silent in the tunnel',
    reason: /no connection in time/,
    start: () => raw(rawResponse('HTTP/1.1 200 Connection established\r\n\r\n')),
  },
];

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() with proxies that fail, transport ${transport}`, () => {
    async function start(
      target: string,
      options: ProxyRotateOptions,
      more: Omit<ForwardOptions, 'target'> = {},
      ...stages: Handler[]
    ) {
      const tested = rotating({ connectTimeoutMs: 300, ...options });
      const guard = breaker({ failureThreshold: 1 });
      const { url } = await startForward(
        { target, transport, secure: false, ...more },
        guard,
        ...stages,
        tested.rotate,
      );
      return { url, guard, ...tested };
    }

    const broken = [
      ...[...BROKEN, ...BROKEN_FOR_TARGET].map((proxy) => ({ ...proxy, scheme: 'http' })),
      ...[...BROKEN, ...BROKEN_FOR_TARGET, ...BROKEN_IN_TUNNEL].map((proxy) => ({
        ...proxy,
        scheme: 'https',
      })),
    ];
    for (const { what, reason, start: startBroken, scheme } of broken) {
      it(`moves on to the next proxy when one ${what}, and the circuit does not count it (${scheme})`, async () => {
        const target = await startUpstream(caller, scheme === 'https' ? { tls: credentials() } : {});
        const good = await startForwardProxy();
        const { url, events, rotate, guard } = await start(target.url, {
          proxies: [await startBroken(), good.url],
        });
        const responses = [await call(url, { method: 'POST', body: 'x' }), await call(url), await call(url)];
        expect(responses.map((response) => response.text)).to.deep.equal(Array(3).fill(good.from));
        expect(events).to.have.length(1);
        expect(events[0])
          .to.match(reason)
          .and.match(/, 30000 ms$/);
        expect(rotate.status().map((proxy) => [proxy.state, proxy.active])).to.deep.equal([
          ['cooling-down', 0],
          ['ok', 0],
        ]);
        expect(guard.state).to.equal('CLOSED');
        expect(target.requests.map((request) => request.body.toString())).to.deep.equal(['x', '', '']);
      });
    }

    it('moves on when a proxy refuses the credentials of a request in absolute form', async () => {
      const target = await startUpstream(caller);
      const refusing = await startForwardProxy({ credentials: 'a:right' });
      const good = await startForwardProxy();
      const { url, events, guard } = await start(target.url, {
        proxies: [refusing.url.replace('right', 'wrong'), good.url],
        tunnel: false,
      });
      const response = await call(url);
      expect([response.status, response.text]).to.deep.equal([200, good.from]);
      expect(response.headers).to.not.have.property('proxy-authenticate');
      expect(events[0]).to.match(/status 407/);
      expect(guard.state).to.equal('CLOSED');
    });

    it('moves on from a refusing proxy with a body in absolute form', async () => {
      const target = await startUpstream((req, res) => void req.pipe(res), { readBody: false });
      const good = await startForwardProxy();
      const { url } = await start(target.url, {
        proxies: [`http://127.0.0.1:${await unusedPort()}`, good.url],
        tunnel: false,
      });
      const response = await call(url, { method: 'POST', body: 'all of it' });
      expect([response.status, response.text]).to.deep.equal([200, 'all of it']);
    });

    it('does not count failures of proxies as attempts', async () => {
      const target = await startUpstream(caller);
      const good = await startForwardProxy();
      const ports = [await unusedPort(), await unusedPort(), await unusedPort()];
      const attempts: (string | undefined)[] = [];
      const { url } = await start(
        target.url,
        { proxies: [...ports.map((port) => `http://127.0.0.1:${port}`), good.url] },
        {},
        (req, res, next) => {
          const exchange = exchangeOf(req, res);
          res.on('close', () => attempts.push(...exchange.attempts.map((attempt) => attempt.egress)));
          next();
        },
        retry({ maxAttempts: 1 }),
      );
      expect((await call(url)).text).to.equal(good.from);
      expect(attempts).to.deep.equal([...ports.map((port) => `127.0.0.1:${port}`), good.name]);
    });

    it('responds with 503 ERR_NO_PROXY when no proxy is left, and never connects directly', async () => {
      const target = await startUpstream(caller);
      const { url, events, advance } = await start(target.url, {
        proxies: [
          `http://user:secret@127.0.0.1:${await unusedPort()}`,
          `http://127.0.0.1:${await unusedPort()}`,
        ],
      });
      for (let i = 0; i < 3; i++) {
        const response = await call(url);
        expect([response.status, response.json()]).to.deep.equal([
          503,
          { error: 'No egress proxy can be used now', code: 'ERR_NO_PROXY' },
        ]);
        expect(Number(response.headers['retry-after'])).to.be.within(29, 30);
        expect(JSON.stringify(response.rawHeaders)).to.not.include('secret');
      }
      expect(events.filter((line) => line.startsWith('cooldown'))).to.have.length(2);
      advance(30_001);
      expect((await call(url)).status).to.equal(503);
      expect(events.join('\n'))
        .to.match(/60000 ms/)
        .and.not.include('secret');
      expect(target.connections.total).to.equal(0);
    });

    it('says in the cause of the error, for the log, why no proxy can be used', async () => {
      const target = await startUpstream(caller);
      const causes: unknown[] = [];
      const ports = [await unusedPort(), await unusedPort()];
      const { url } = await start(
        target.url,
        { name: 'github', proxies: ports.map((port) => `http://u:secret7@127.0.0.1:${port}`) },
        {},
        (req, res, next) => {
          const exchange = exchangeOf(req, res);
          res.on('close', () => causes.push(exchange.error?.cause));
          next();
        },
      );
      await call(url);
      await until(() => causes.length === 1);
      const [one, other] = ports.map((port) => `127.0.0.1:${port}: ECONNREFUSED`);
      expect(String(causes[0])).to.equal(
        `Error: All 2 egress proxies of "github" are cooling down (${one}, ${other}); next probe in 30 s`,
      );
    });

    it('refuses every call if no proxy is configured', async () => {
      const target = await startUpstream(caller);
      const { url } = await start(target.url, { proxies: [] });
      const response = await call(url);
      expect([response.status, response.json()]).to.deep.equal([
        503,
        {
          error: 'No egress proxy is configured; set proxyRotate.proxies or PROXY_URLS',
          code: 'ERR_NO_PROXY',
        },
      ]);
      expect(target.connections.total).to.equal(0);
    });

    it("connects directly when no proxy is left, only with fallback 'direct'", async () => {
      const target = await startUpstream(caller);
      const { url, events } = await start(target.url, {
        proxies: [`http://127.0.0.1:${await unusedPort()}`],
        fallback: 'direct',
      });
      expect((await call(url)).text).to.equal('127.0.0.1');
      expect(events[1]).to.equal('exhausted, direct');
    });

    it('connects to a dead proxy once per cool-down, however many calls there are', async () => {
      const target = await startUpstream(caller);
      const dead = await startRawUpstream((connection) => connection.reset());
      const good = await startForwardProxy();
      const { url, advance } = await start(target.url, { proxies: [dead.url, good.url] });
      const burst = async (): Promise<void> => {
        const responses = await Promise.all(Array.from({ length: 64 }, () => call(url)));
        expect(new Set(responses.map((response) => response.status))).to.deep.equal(new Set([200]));
      };
      await burst();
      await burst();
      expect(dead.connections.total).to.equal(1);
      advance(30_001);
      await burst();
      expect(dead.connections.total).to.equal(2);
      advance(45_000);
      await burst();
      expect(dead.connections.total).to.equal(2);
    });

    it('cools down only after maxFailures failures in a row', async () => {
      const target = await startUpstream(caller);
      const dead = await startRawUpstream((connection) => connection.reset());
      const good = await startForwardProxy();
      const { url, events } = await start(target.url, { proxies: [dead.url, good.url], maxFailures: 3 });
      for (let i = 0; i < 10; i++) expect((await call(url)).status).to.equal(200);
      expect(dead.connections.total).to.equal(3);
      expect(events).to.have.length(1);
    });

    it('uses a proxy again after one probe, while other calls go elsewhere', async () => {
      const target = await startUpstream(caller);
      let refuse = true;
      let wait: Promise<void> | undefined;
      const returning = await startForwardProxy({
        from: '127.0.0.9',
        before: () => {
          if (refuse) throw new Error('out of order');
          return wait;
        },
      });
      const good = await startForwardProxy();
      const { url, events, advance, rotate } = await start(target.url, {
        proxies: [returning.url, good.url],
        connectTimeoutMs: 20_000,
      });
      expect((await call(url)).text).to.equal(good.from);
      expect(rotate.status()[0]).to.include({ state: 'cooling-down' });
      refuse = false;
      let letGo = (): void => {};
      wait = new Promise((resolve) => {
        letGo = resolve;
      });
      advance(30_001);
      const first = returning.connects.length;
      const calls = Array.from({ length: 20 }, () => call(url));
      await until(() => returning.connects.length > first);
      expect(rotate.status()[0]).to.include({ state: 'probing' });
      expect((await call(url)).text).to.equal(good.from);
      expect(returning.connects.length - first).to.equal(1);
      letGo();
      const seen = (await Promise.all(calls)).map((response) => response.text);
      expect(seen.filter((from) => from === returning.from)).to.have.length(1);
      expect(events.at(-1)).to.match(/^recovered /);
      expect(new Set([(await call(url)).text, (await call(url)).text])).to.deep.equal(
        new Set([returning.from, good.from]),
      );
    });

    it('lets calls wait for the first connection of the only proxy', async () => {
      const target = await startUpstream(caller);
      const dead = await startRawUpstream(() => {});
      const { url } = await start(target.url, { proxies: [dead.url] });
      const responses = await Promise.all(Array.from({ length: 10 }, () => call(url)));
      // There is nothing to compare with: a proxy that says nothing is to blame.
      expect(responses.map((response) => response.status)).to.deep.equal(Array(10).fill(503));
      expect(dead.connections.total).to.equal(1);
    });

    it('counts a timeout of the attempt in the tunnel as a failure of the proxy', async () => {
      const target = await startUpstream(caller);
      const silent = await startRawUpstream(() => {});
      const good = await startForwardProxy();
      const tested = rotating({ proxies: [silent.url, good.url], connectTimeoutMs: 60_000 });
      const { url } = await startForward(
        { target: target.url, transport, requestTimeoutMs: 200 },
        tested.rotate,
      );
      expect((await call(url)).text).to.equal(good.from);
      expect(tested.events[0]).to.match(/made no connection in time/);
    });

    it('passes the probe of a client that leaves on to the next call', async () => {
      const target = await startUpstream(caller);
      const slow = await startRawUpstream(() => {});
      const { url, rotate } = await start(target.url, { proxies: [slow.url], connectTimeoutMs: 500 });
      const leaving = begin(url);
      await until(() => slow.connections.total === 1);
      leaving.destroy();
      await until(() => rotate.status()[0]?.active === 0);
      expect((await call(url)).status).to.equal(503);
    });

    it('blames a target that a second proxy is silent about as well, and neither proxy', async () => {
      const target = await startUpstream(caller);
      const silent = [await startRawUpstream(() => {}), await startRawUpstream(() => {})];
      const { url, guard, rotate, events } = await start(target.url, {
        proxies: silent.map((proxy) => proxy.url),
        maxProxiesPerCall: 1,
      });
      expect((await call(url)).json()).to.have.property('code', 'ERR_PROXY_CONNECT');
      expect(guard.state).to.equal('CLOSED');
      expect(events).to.have.length(1);
      expect((await call(url)).status).to.equal(504);
      expect(guard.state).to.equal('OPEN');
      expect(rotate.status().map((proxy) => proxy.state)).to.deep.equal(['ok', 'ok']);
      expect(events.at(-1)).to.equal(`recovered 127.0.0.1:${silent[0]?.port} for ${target.url}`);
    });

    it('sends calls elsewhere that wait for a connection of a proxy that dies', async () => {
      const target = await startUpstream(caller);
      const dying = await startForwardProxy({ from: '127.0.0.9' });
      const good = await startForwardProxy();
      const { url, events } = await start(target.url, { proxies: [dying.url, good.url], connections: 1 });
      expect([(await call(url)).text, (await call(url)).text]).to.deep.equal([dying.from, good.from]);
      await dying.close();
      const responses = await Promise.all(Array.from({ length: 20 }, () => call(url)));
      expect(responses.map((response) => response.text)).to.deep.equal(Array(20).fill(good.from));
      expect(events).to.have.length(1);
    });

    it('keeps credentials out of its records of a call', async () => {
      const target = await startUpstream(caller);
      const refusing = await startForwardProxy({ credentials: 'user7:right' });
      const records: string[] = [];
      const { url } = await start(
        target.url,
        {
          proxies: [
            refusing.url.replace('right', 'secret7'),
            `http://user7:secret7@127.0.0.1:${await unusedPort()}`,
            `https://user7:secret7@127.0.0.1:${target.port}`,
          ],
        },
        {},
        (req, res, next) => {
          const { attempts, error } = exchangeOf(req, res);
          res.on('close', () => records.push(inspect({ attempts, error }, { depth: 10, showHidden: true })));
          next();
        },
      );
      expect((await call(url)).status).to.equal(503);
      expect(records[0])
        .to.include('ERR_PROXY_CONNECT')
        .and.not.match(/secret7|user7|dXNlcjc/);
    });

    it('responds to a large upload that no proxy can take, and keeps the connection usable', async () => {
      const target = await startUpstream(caller);
      const { url } = await start(target.url, { proxies: [] });
      const agent = keepAliveAgent();
      const body = Buffer.alloc(3_000_000, 'x');
      expect((await call(url, { method: 'POST', body, agent })).status).to.equal(503);
      expect((await call(url, { agent })).status).to.equal(503);
    });

    it('tries no further proxy when the time for the whole call is over', async () => {
      const target = await startUpstream(caller);
      const silent = await Promise.all(Array.from({ length: 4 }, () => startRawUpstream(() => {})));
      const { url } = await start(
        target.url,
        { proxies: silent.map((proxy) => proxy.url), connectTimeoutMs: 200 },
        {},
        retry({ totalTimeoutMs: 300 }),
      );
      const response = await call(url);
      expect([response.status, response.json()]).to.have.deep.nested.property(
        '[1].code',
        'ERR_PROXY_CONNECT',
      );
      expect(silent.map((proxy) => proxy.connections.total)).to.deep.equal([1, 1, 0, 0]);
    });

    it('closes its connections, and refuses calls once it is closed', async () => {
      const target = await startUpstream(caller);
      const proxy = await startForwardProxy();
      const { rotate } = rotating({ proxies: [proxy.url] });
      const forward = openForward({ target: target.url, transport });
      const { url } = await serve(pipeline([rotate, forward]));
      expect((await call(url)).text).to.equal(proxy.from);
      rotate.close();
      expect((await call(url)).json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
      await forward.close();
      await until(() => proxy.open() === 0);
    });

    it('causes no errors with one dead, one slow and one 407 proxy among four', async () => {
      const target = await startUpstream(text('ok'));
      const dead = await startRawUpstream((connection) => connection.reset());
      const slow = await startForwardProxy({
        before: () => new Promise((resolve) => setTimeout(resolve, 50)),
      });
      const refusing = await startForwardProxy({ credentials: 'a:right' });
      const good = await startForwardProxy();
      const { url, guard } = await start(
        target.url,
        { proxies: [dead.url, slow.url, refusing.url.replace('right', 'wrong'), good.url] },
        { connections: 32 },
      );
      let next = 0;
      const worker = async (): Promise<void> => {
        if (next++ >= 300) return;
        expect((await call(url)).status).to.equal(200);
        await worker();
      };
      await Promise.all(Array.from({ length: 32 }, worker));
      expect(target.requests).to.have.length(300);
      expect([dead.connections.total, refusing.connects.length]).to.deep.equal([1, 1]);
      expect(guard.state).to.equal('CLOSED');
    });
  });
}
