import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, headOf } from '../../support/client.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startGatewayProxy } from '../../support/gateway-proxy.js';
import { rotating } from '../../support/rotating.js';
import { until } from '../../support/until.js';
import { startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

/** A file that is replaced as most programs do: by one that was written beside it. */
async function listFile(...first: string[]) {
  const path = await mkdtemp(join(tmpdir(), 'proxies-'));
  onCleanup(() => rm(path, { recursive: true, force: true }));
  const file = join(path, 'proxies.txt');
  const put = async (...lines: string[]) => {
    await writeFile(`${file}.new`, lines.join('\n'));
    await rename(`${file}.new`, file);
  };
  await put(...first);
  return { file, put };
}

for (const transport of TRANSPORTS) {
  describe(`sessions of an egress proxy, transport ${transport}`, () => {
    async function start(options: ProxyRotateOptions, response: UpstreamResponse = text('ok')) {
      const target = await startUpstream(response);
      const tested = rotating(options);
      const { url } = await startForward({ target: target.url, transport }, tested.rotate);
      return { url, target, ...tested };
    }

    /** A target that responds when it is told to. */
    function holding() {
      const held: { url: string; end(): void }[] = [];
      const response: UpstreamResponse = (req, res) =>
        void held.push({ url: req.url ?? '', end: () => void res.end(req.url) });
      return { held, response };
    }

    const byPath = (req: { url?: string | undefined }) => req.url ?? '';

    it('come from a line of a list, and outlive changes of other lines', async () => {
      const gateway = await startGatewayProxy();
      const plain = await startForwardProxy();
      const line = `${gateway.name}:u-{session}:pw sessions=3 tags=de`;
      const { file, put } = await listFile(line);
      const { url, rotate } = await start({ proxies: { file } });
      for (let i = 0; i < 6; i++) expect((await call(url)).status).to.equal(200);
      const users = gateway.users();
      expect([users.length, new Set(users).size]).to.deep.equal([3, 3]);
      expect(rotate.list()).to.include({ proxies: 3, wrongLines: 0 });
      expect(rotate.status().map(({ name, attempts }) => [name, attempts])).to.deep.equal(
        [1, 2, 3].map((i) => [`${gateway.name} session ${i}`, 2]),
      );
      await put(plain.url, line);
      await until(() => rotate.list()?.proxies === 4);
      for (let i = 0; i < 8; i++) expect((await call(url)).status).to.equal(200);
      expect(gateway.users()).to.deep.equal(users);
      expect(rotate.status().map(({ attempts }) => attempts)).to.deep.equal([2, 4, 4, 4]);
    });

    it('of keys are those of before after a reload', async () => {
      const gateway = await startGatewayProxy();
      let refuses = true;
      const line = `http://u-{session}:pw@${gateway.name}`;
      const { file, put } = await listFile(line);
      const { url, rotate } = await start(
        { proxies: { file }, strategy: 'sticky', stickyKey: byPath },
        (_req, res) => {
          res.writeHead(refuses ? 403 : 200).end();
          refuses = false;
        },
      );
      expect((await call(`${url}/a`)).status).to.equal(200);
      const [first, second] = gateway.users();
      expect(second).not.to.equal(first);
      // Of no use, so that every key stays where it is.
      await put(line, 'http://127.0.0.1:9 weight=0.01');
      await until(() => rotate.list()?.proxies === 2);
      expect((await call(`${url}/a`)).status).to.equal(200);
      expect(gateway.users()).to.deep.equal([first, second]);
      expect(rotate.status()[0]).to.include({ name: gateway.name, attempts: 3, successes: 2, bans: 1 });
    });

    it('of keys have maxConcurrency each, and that of the proxy together', async () => {
      const gateway = await startGatewayProxy();
      const { held, response } = holding();
      const options: ProxyRotateOptions = {
        proxies: [{ url: `http://u-{session}:pw@${gateway.name}`, maxConcurrency: 2 }],
        ...{ strategy: 'sticky', stickyKey: byPath, maxConcurrency: 1 },
      };
      const { url, rotate } = await start(options, response);
      const calls = ['/a', '/a', '/b', '/c'].map((path) => call(url + path));
      await until(() => held.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(held.map((one) => one.url).sort()).to.deep.equal(['/a', '/b']);
      const most = { a: 0, all: 0 };
      for (let ended = 0; ended < 4; ) {
        most.a = Math.max(most.a, held.filter((one) => one.url === '/a').length);
        most.all = Math.max(most.all, held.length);
        const one = held.shift();
        if (one) ended++;
        one?.end();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const responses = await Promise.all(calls);
      expect(responses.map((one) => one.text)).to.deep.equal(['/a', '/a', '/b', '/c']);
      expect(most).to.deep.equal({ a: 1, all: 2 });
      expect(new Set(gateway.users()).size).to.equal(3);
      expect(rotate.status()).to.have.length(1);
      expect(rotate.status()[0]).to.include({ attempts: 4, active: 0, successes: 4 });
    });

    it('of a number have maxConcurrency each, and that of the proxy together', async () => {
      const gateway = await startGatewayProxy();
      const { held, response } = holding();
      const options: ProxyRotateOptions = {
        proxies: [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 4, maxConcurrency: 3 }],
        maxConcurrency: 2,
      };
      const { url, rotate } = await start(options, response);
      // The first attempt finds out whether the proxy works.
      const first = call(url);
      await until(() => held.length === 1);
      held.shift()?.end();
      await first;
      const calls = Array.from({ length: 9 }, () => call(url));
      let most = 0;
      for (let ended = 0; ended < 9; ) {
        if (held.length === 0) await until(() => held.length > 0);
        await new Promise((resolve) => setTimeout(resolve, 10));
        most = Math.max(most, held.length);
        expect(Math.max(...rotate.status().map(({ active }) => active))).to.be.at.most(2);
        ended++;
        held.shift()?.end();
      }
      expect((await Promise.all(calls)).map(({ status }) => status)).to.deep.equal(Array(9).fill(200));
      expect(most).to.equal(3);
    });

    it('have the weight and the tags of the proxy, each', async () => {
      const gateway = await startGatewayProxy();
      const [plain, other] = [await startForwardProxy(), await startForwardProxy()];
      const { url, rotate } = await start({
        proxies: [
          { url: `http://u-{session}:pw@${gateway.name}`, sessions: 2, weight: 2, tags: ['de'] },
          { url: plain.url, tags: ['de'] },
          other.url,
        ],
        use: { tags: ['de'] },
      });
      for (let i = 0; i < 30; i++) expect((await call(url)).status).to.equal(200);
      const [one = 0, two = 0, three = 0, ...more] = rotate.status().map(({ attempts }) => attempts);
      expect(more).to.deep.equal([]);
      for (const [count, share] of [
        [one, 12],
        [two, 12],
        [three, 6],
      ] as const) {
        expect(count).to.be.within(share - 2, share + 2);
      }
    });

    it('have a window of requests each, which is new with each session', async () => {
      const gateway = await startGatewayProxy();
      const options: ProxyRotateOptions = {
        proxies: [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 2, maxUses: 3 }],
        ...{ requestsPerProxy: { limit: 4, windowMs: 60_000 }, connectTimeoutMs: 300 },
      };
      const { url } = await start(options);
      for (let i = 0; i < 20; i++) expect((await call(url)).status).to.equal(200);
      expect(new Set(gateway.users()).size).to.equal(8);
      const kept = await start({
        ...options,
        proxies: [{ url: `http://v-{session}:pw@${gateway.name}`, sessions: 2 }],
      });
      const statuses: number[] = [];
      for (let i = 0; i < 9; i++) statuses.push((await call(kept.url)).status);
      expect(statuses).to.deep.equal([...Array(8).fill(200), 503]);
    });

    it('are checked together, by a session that no call uses, once an interval', async () => {
      const checked = await startUpstream(text('fine'));
      const gateway = await startGatewayProxy();
      const { url, rotate, advance } = await start({
        proxies: [{ url: `http://u-{session}:pw@${gateway.name}`, sessions: 3 }],
        healthCheck: { url: checked.url, intervalMs: 30_000, timeoutMs: 1000 },
      });
      for (let i = 0; i < 6; i++) expect((await call(url)).status).to.equal(200);
      expect(checked.requests).to.have.length(1);
      advance(30_000);
      await until(() => checked.requests.length === 2);
      const users = gateway.users();
      expect([users.length, new Set(users).size]).to.deep.equal([5, 5]);
      expect(rotate.status().map(({ state, attempts }) => [state, attempts])).to.deep.equal(
        Array(3).fill(['ok', 2]),
      );
    });

    it('go on until their last attempt has ended when their line is taken out', async () => {
      const gateway = await startGatewayProxy();
      const plain = await startForwardProxy();
      const { file, put } = await listFile(`http://u-{session}:pw@${gateway.name}`);
      const { held, response } = holding();
      const { url, rotate } = await start(
        { proxies: { file }, strategy: 'sticky', stickyKey: byPath },
        response,
      );
      const { res } = await (async () => {
        const head = headOf(begin(`${url}/a`));
        await until(() => held.length === 1);
        await put(plain.url);
        await until(() => rotate.status()[0]?.address === plain.url);
        held[0]?.end();
        return head;
      })();
      expect(res.statusCode).to.equal(200);
      let body = '';
      for await (const chunk of res) body += chunk;
      expect(body).to.equal('/a');
    });
  });

  describe(`a rotating gateway with a health check, transport ${transport}`, () => {
    /** A gateway of which a check says what is decided here, beside a proxy that works. */
    async function start(opens: (check: number) => boolean) {
      const checked = await startUpstream(text('fine'));
      const target = await startUpstream(text('sunny'));
      let checks = 0;
      const gateway = await startConnectProxy((open, client, req) => {
        if (req.url !== new URL(checked.url).host || opens(++checks)) return open();
        client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      });
      const good = await startForwardProxy();
      const tested = rotating({
        proxies: [{ url: gateway.url, rotating: true }, good.url],
        healthCheck: { url: checked.url, intervalMs: 100, timeoutMs: 300 },
      });
      const { url } = await startForward({ target: target.url, transport }, tested.rotate);
      return { url, gateway, checks: () => checks, ...tested };
    }

    it('stays in use where one or two of its addresses do not get through', async () => {
      const { url, rotate, checks, events } = await start((check) => check % 3 === 0);
      await until(() => checks() >= 6);
      expect((await call(url)).text).to.equal('sunny');
      expect(rotate.status().map(({ state }) => state)).to.deep.equal(['ok', 'ok']);
      expect(events).to.deep.equal([]);
    });

    it('cools down where none of them does', async () => {
      const { rotate, checks, gateway, events } = await start(() => false);
      await until(() => rotate.status()[0]?.state === 'cooling-down');
      expect(checks()).to.be.at.least(3);
      expect(events).to.deep.equal([`cooldown ${gateway.name}: health check: status 502, 30000 ms`]);
    });
  });
}
