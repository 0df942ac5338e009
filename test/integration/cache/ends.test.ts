import type { ClientRequest, IncomingMessage } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import { cache } from '../../../lib/cache/cache.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { eventually } from '../../support/until.js';
import { startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';
import { cached, cacheStatus, counted } from './testing.js';

const MINUTE = 60_000;

describe('cache() after a response that is not stored', () => {
  async function thenOutage(later: UpstreamResponse, headers = {}) {
    const { get, clock } = await cached([text('old'), later, status(503)]);
    await get('/');
    clock.advance(2 * MINUTE);
    await get('/', headers);
    return (await get('/')).status;
  }

  for (const code of [401, 403, 404, 410, 451]) {
    it(`serves nothing older after a ${code}`, async () => {
      expect(await thenOutage(status(code))).to.equal(503);
    });
  }

  for (const [name, value] of [
    ['cache-control', 'no-store'],
    ['set-cookie', 'a=b'],
    ['vary', '*'],
  ] as const) {
    it(`serves nothing older after a 200 with ${name}: ${value}`, async () => {
      expect(await thenOutage(text('new', { [name]: value }))).to.equal(503);
    });
  }

  it('serves nothing older after a body that turned out to be too large', async () => {
    const large: UpstreamResponse = (_req, res) => void res.end(Buffer.alloc(2 * 1024 * 1024));
    expect(await thenOutage(large)).to.equal(503);
  });

  for (const code of [400, 405, 406, 412, 413, 414, 415, 416, 417, 422, 428, 429, 431, 500, 503]) {
    it(`still serves the stored one in an outage after a ${code}`, async () => {
      expect(await thenOutage(status(code))).to.equal(200);
    });
  }

  it('keeps the copy of the others when a client wants nothing stored, but not when the resource is gone', async () => {
    const headers = { 'cache-control': 'no-store' };
    expect(await thenOutage(text('new'), headers)).to.equal(200);
    expect(await thenOutage(status(404), headers)).to.equal(503);
  });

  it('serves nothing older after a HEAD whose response must not be stored', async () => {
    const { get, send, clock } = await cached([
      text('old', { etag: '"1"' }),
      status(200, { etag: '"1"', 'cache-control': 'no-store' }),
      status(503),
    ]);
    await get('/');
    clock.advance(2 * MINUTE);
    await send('HEAD');
    expect((await get('/')).status).to.equal(503);
  });

  it('ends staleness while it revalidates', async () => {
    const { get, clock, upstream, handler } = await cached([text('old'), status(404)], {
      staleWhileRevalidateMs: 10 * MINUTE,
    });
    await get('/');
    clock.advance(2 * MINUTE);
    expect((await get('/')).text).to.equal('old');
    while (handler.counts().entries > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await get('/')).status).to.equal(404);
    expect(upstream.requests).to.have.length(3);
  });
});

describe('cache() says why it stored nothing', () => {
  for (const [detail, headers, code] of [
    ['no-store', { 'cache-control': 'no-store' }, 200],
    ['private', { 'cache-control': 'private' }, 200],
    ['set-cookie', { 'set-cookie': 'a=b' }, 200],
    ['vary', { vary: '*' }, 200],
    ['event-stream', { 'content-type': 'text/event-stream' }, 200],
    ['status', {}, 404],
  ] as const) {
    it(`as detail=${detail} and in its counts`, async () => {
      const { get, handler } = await cached(counted({ ...headers }, { status: code }));
      expect(cacheStatus(await get('/'))).to.equal(`resilient-proxy-out; fwd=uri-miss; detail=${detail}`);
      expect(handler.counts().notStored).to.deep.equal({ [detail]: 1 });
    });
  }
});

for (const transport of TRANSPORTS) {
  describe(`cache of an API over the ${transport} transport`, () => {
    async function proxied(options: object, respond: UpstreamResponse) {
      const upstream = await startUpstream(respond);
      const proxy = resilientProxy({ name: 'x', target: upstream.url, transport, stats: false, ...options });
      onCleanup(() => proxy.close());
      return { upstream, proxy, url: (await serve(proxy)).url };
    }
    const echo: UpstreamResponse = (req, res) =>
      void res.end(JSON.stringify([req.headers['x-goog-api-key'], req.headers.cookie, req.headers.host]));

    it('splits by a credential that is forwarded, and not by a cookie that is not', async () => {
      const { upstream, url } = await proxied({ cache: {} }, echo);
      for (const cookie of ['a=1', 'a=2']) await call(url, { headers: { cookie } });
      await call(url);
      expect(upstream.requests).to.have.length(1);
      for (const key of ['ann', 'bob']) {
        const { text: told } = await call(url, { headers: { 'X-Goog-Api-Key': key } });
        expect(JSON.parse(told)[0]).to.equal(key);
      }
      expect(upstream.requests).to.have.length(3);
    });

    it('ignores a header in Vary that does not reach the target', async () => {
      const { upstream, url } = await proxied({ cache: {} }, (_req, res) =>
        res.writeHead(200, { vary: 'Cookie' }).end('x'),
      );
      for (const headers of [{ cookie: 'a=1' }, { cookie: 'a=2' }]) await call(url, { headers });
      expect(upstream.requests).to.have.length(1);
    });

    it('stores nothing that varies on the address of its client, which no client sends itself', async () => {
      const respond: UpstreamResponse = (req, res) =>
        res.writeHead(200, { vary: 'X-Forwarded-For' }).end(String(req.headers['x-forwarded-for']));
      for (const options of [
        { xfwd: true },
        { xfwd: 'replace' },
        { xfwd: 'append', forwardHeaders: false },
      ]) {
        const { upstream, url } = await proxied({ ...options, cache: {} }, respond);
        await call(url);
        expect((await call(url)).headers['cache-status']).to.include('detail=vary');
        expect(upstream.requests).to.have.length(2);
      }
      const { upstream, url } = await proxied({ cache: {} }, respond);
      for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1'])
        expect((await call(url, { headers: { 'x-forwarded-for': address } })).text).to.equal(address);
      expect(upstream.requests).to.have.length(2);
    });

    it('splits by the authority where the target sees it', async () => {
      const { url } = await proxied({ changeOrigin: false, cache: {} }, echo);
      for (const host of ['a.example', 'b.example']) {
        expect(JSON.parse((await call(url, { headers: { host } })).text)[2]).to.equal(host);
      }
      const set = await proxied({ changeOrigin: false, cache: {} }, echo);
      const app = express();
      app.use((req, _res, next) => {
        req.headers.host = req.get('x-site');
        next();
      }, set.proxy);
      const { url: front } = await serve(app);
      for (const host of ['a.example', 'b.example']) {
        const { text: told } = await call(front, { headers: { 'x-site': host } });
        expect(JSON.parse(told)[2]).to.equal(host);
      }
      const fixed = await proxied({ cache: {} }, echo);
      for (const host of ['a.example', 'b.example']) await call(fixed.url, { headers: { host } });
      expect(fixed.upstream.requests).to.have.length(1);
    });

    it('splits by the mount path where functions of the application may read it', async () => {
      const upstream = await startUpstream((req, res) => void res.end(req.url));
      const mounted = async (options: object): Promise<string[]> => {
        const proxy = resilientProxy({
          name: 'x',
          target: upstream.url,
          transport,
          stats: false,
          cache: {},
          ...options,
        });
        onCleanup(() => proxy.close());
        const app = express();
        app.use('/ann', proxy);
        app.use('/bob', proxy);
        const { url } = await serve(app);
        const texts: string[] = [];
        for (const path of ['/ann/x', '/bob/x']) texts.push((await call(url + path)).text);
        return texts;
      };
      const pathRewrite = (path: string, req: { baseUrl?: string }) => `${req.baseUrl}${path}`;
      expect(await mounted({ pathRewrite })).to.deep.equal(['/ann/x', '/bob/x']);
      const router = (req: { baseUrl?: string }) => `${upstream.url}${req.baseUrl}`;
      expect(await mounted({ router })).to.deep.equal(['/ann/x', '/bob/x']);
      const before = upstream.requests.length;
      expect(await mounted({})).to.deep.equal(['/x', '/x']);
      expect(upstream.requests).to.have.length(before + 1);
    });

    it('ends what a write names, whatever its path is at the target', async () => {
      const ways: [mount: string, options: object, path: string][] = [
        ['/', { pathRewrite: { '^/api': '' } }, '/api/users'],
        ['/shop', { pathRewrite: { '^/api': '/v2' } }, '/shop/api/users'],
        ['/', { pathRewrite: { '^/api': '' }, autoRewrite: transport === 'node' }, '/api/users'],
        ['/shop', {}, '/shop/users'],
      ];
      for (const [mount, options, path] of ways) {
        for (const name of ['location', 'content-location']) {
          const { upstream, proxy } = await proxied({ ...options, cache: {} }, (req, res) => {
            const { length } = upstream.requests;
            if (req.method === 'POST') res.writeHead(201, { [name]: `${upstream.url}${req.url}/7` }).end();
            else res.end(`answer ${length}`);
          });
          const app = express();
          app.use(mount, proxy);
          const { url } = await serve(app);
          await call(`${url}${path}/7`);
          await call(`${url}${path}`, { method: 'POST' });
          expect((await call(`${url}${path}/7`)).text, `${name} ${path}`).to.equal('answer 3');
        }
      }
    });

    if (transport === 'node') {
      it('stores nothing for a credential that a listener has set, unless the key says whose it is', async () => {
        const who = (req: IncomingMessage) => String(req.headers['x-name']);
        const told = async (cache: object, name: string, vary = ''): Promise<string[]> => {
          const proxyReq = (out: ClientRequest, req: IncomingMessage) => out.setHeader(name, who(req));
          const { url } = await proxied({ cache, on: { proxyReq } }, (req, res) => {
            res.writeHead(200, { vary }).end(req.headers[name]);
          });
          const texts: string[] = [];
          for (const one of ['ann', 'bob', 'ann', 'bob']) {
            const response = await call(url, { headers: { 'x-name': one } });
            texts.push(`${response.text} ${/hit|detail=.*/.exec(cacheStatus(response)) ?? 'miss'}`);
          }
          return texts;
        };
        const refused = (why: string) => ['ann', 'bob', 'ann', 'bob'].map((one) => `${one} detail=${why}`);
        expect(await told({}, 'authorization')).to.deep.equal(refused('authorization'));
        expect(await told({}, 'x-lang', 'X-Lang')).to.deep.equal(refused('vary'));
        const apart = ['ann miss', 'bob miss', 'ann hit', 'bob hit'];
        expect(await told({ key: who }, 'authorization')).to.deep.equal(apart);
        const shared = ['ann miss', 'ann hit', 'ann hit', 'ann hit'];
        expect(await told({ sharedAcrossCredentials: true }, 'authorization')).to.deep.equal(shared);
        expect(await told({}, 'x-lang')).to.deep.equal(shared);
      });
    }

    it('requests by itself what the client that it does so for would get', async () => {
      const upstream = await startUpstream((req, res) => void res.end(req.url));
      const other = await startUpstream((req, res) => void res.end(`other ${req.url}`));
      type Known = IncomingMessage & { baseUrl?: string; user?: { path: string; target: string } };
      const ways: [options: object, expected: string][] = [
        [{ pathRewrite: (path: string, req: Known) => `${req.baseUrl}${path}` }, '/ann/x'],
        [{ pathRewrite: (path: string, req: Known) => `${req.user?.path}${path}` }, '/users/7/x'],
        [{ router: (req: Known) => req.user?.target }, 'other /x'],
      ];
      for (const [options, expected] of ways) {
        const cache = { ttlMs: 1, staleWhileRevalidateMs: MINUTE };
        const proxy = resilientProxy({
          name: 'x',
          target: upstream.url,
          transport,
          stats: false,
          cache,
          ...options,
        });
        onCleanup(() => proxy.close());
        const app = express();
        app.use((req: Known, _res, next) => {
          req.user = { path: '/users/7', target: other.url };
          next();
        });
        app.use('/ann', proxy);
        const { url } = await serve(app);
        await call(`${url}/ann/x`, { method: 'HEAD' });
        const before = upstream.requests.length + other.requests.length;
        const get = async () => (await call(`${url}/ann/x`)).text;
        // The first one that comes when it is stale has it renewed.
        await eventually(async () => {
          expect(await get()).to.equal(expected);
          return upstream.requests.length + other.requests.length > before;
        }, 'the renewal');
        expect(await get()).to.equal(expected);
      }
      expect([...new Set(upstream.requests.map(({ url }) => url))]).to.deep.equal(['/ann/x', '/users/7/x']);
    });

    it('stores no header of one request', async () => {
      const headers = {
        'x-request-id': '1',
        'ratelimit-remaining': '3',
        'x-ratelimit-reset': '9',
        'x-own': '1',
        'x-kept': '1',
      };
      const { url } = await proxied({ cache: { omitHeaders: ['X-Own'] } }, (_req, res) =>
        res.writeHead(200, headers).end('x'),
      );
      expect((await call(url)).headers).to.include(headers);
      const hit = (await call(url)).headers;
      expect(hit).to.include({ 'x-kept': '1' });
      expect(hit).not.to.include.any.keys(
        'x-request-id',
        'ratelimit-remaining',
        'x-ratelimit-reset',
        'x-own',
      );
    });
  });
}

describe('cache() and key()', () => {
  it('fails a call whose key is neither a string nor undefined', async () => {
    const app = express();
    app.use(cache({ key: (() => ({ tenant: 'a' })) as never }));
    app.use((_req, res) => void res.send('x'));
    const { url } = await serve(app);
    expect((await call(url)).status).to.equal(500);
  });
});

describe('purge({ prefix })', () => {
  it('finds unencoded text, and says what it cannot find', async () => {
    const { get, handler } = await cached(counted());
    await get('/m%C3%BCnchen/a?q=1');
    await get('/a%20b');
    expect(await handler.purge({ prefix: '/münchen' })).to.equal(1);
    expect(await handler.purge({ prefix: '/a b' })).to.equal(1);
    for (const prefix of ['/a?q=1', 'https://api.example/a']) {
      const refused = await handler.purge({ prefix }).catch((error: Error) => error);
      expect(refused).to.have.property('code', 'ERR_INVALID_OPTION');
    }
  });
});
