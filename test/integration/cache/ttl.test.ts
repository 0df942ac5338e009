import { expect } from 'chai';
import { MemoryStore } from '../../../lib/cache/store/memory-store.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, startUpstream, status } from '../../support/upstream.js';
import { cached, cacheStatus, counted } from './testing.js';

const MINUTE = 60_000;

describe("cache() in 'ttl' mode", () => {
  it('serves the second of two equal requests from the store', async () => {
    const { get, upstream, handler } = await cached(counted());
    const first = await get('/users?b=2&a=1');
    const second = await get('/users?b=2&a=1');
    expect(first.text).to.equal('answer 1');
    expect(second.text).to.equal('answer 1');
    expect(upstream.requests).to.have.length(1);
    expect(cacheStatus(first)).to.equal('resilient-proxy-out; fwd=uri-miss; stored');
    expect(cacheStatus(second)).to.match(/^resilient-proxy-out; hit; ttl=(59|60)$/);
    expect(first.lines('age')).to.deep.equal([]);
    expect(second.lines('age')).to.deep.equal(['0']);
    expect(second.lines('date')).to.deep.equal(first.lines('date'));
    expect(handler.counts()).to.include({ entries: 1, hits: 1, misses: 1, stale: 0, evictions: 0 });
  });

  it('requests it again after ttlMs, a minute by default', async () => {
    const { get, clock } = await cached(counted());
    await get();
    clock.advance(MINUTE - 1000);
    expect((await get()).text).to.equal('answer 1');
    clock.advance(1001);
    expect((await get()).text).to.equal('answer 2');
    const brief = await cached(counted(), { ttlMs: 1000 });
    await brief.get();
    brief.clock.advance(1001);
    expect((await brief.get()).text).to.equal('answer 2');
  });

  it("stores what the upstream marks expired, and its no-store and private only with 'override'", async () => {
    for (const [control, override, expected] of [
      ['max-age=0, no-cache', false, 'answer 1'],
      ['private', false, 'answer 2'],
      ['private', true, 'answer 1'],
      ['no-store', false, 'answer 2'],
      ['no-store', true, 'answer 1'],
    ] as const) {
      const { get } = await cached(counted({ 'cache-control': control }), { override });
      await get();
      expect((await get()).text, control).to.equal(expected);
    }
  });

  it("is not bypassed by a client's reload", async () => {
    const { get } = await cached(counted());
    await get();
    expect((await get('/', { 'cache-control': 'no-cache' })).text).to.equal('answer 1');
    expect((await get('/', { 'cache-control': 'no-store' })).text).to.equal('answer 2');
  });

  it('stores every status below 400, or the configured ones, and never a 429', async () => {
    const kept = async (code: number, statuses?: number[]): Promise<boolean> => {
      const { get, upstream } = await cached(status(code), { statuses });
      await get();
      await get();
      return upstream.requests.length === 1;
    };
    expect(await kept(204)).to.equal(true);
    expect(await kept(301)).to.equal(true);
    expect(await kept(404)).to.equal(false);
    expect(await kept(503)).to.equal(false);
    expect(await kept(404, [200, 404])).to.equal(true);
    expect(await kept(301, [200, 404])).to.equal(false);
    expect(await kept(429, [429])).to.equal(false);
  });

  it('stores what is private for the credential that it was requested with', async () => {
    const { get } = await cached(counted({ 'cache-control': 'private' }));
    const users = [{ authorization: 'a' }, { authorization: 'b' }, { authorization: 'a' }];
    const texts = [];
    for (const user of users) texts.push((await get('/', user)).text);
    expect(texts).to.deep.equal(['answer 1', 'answer 2', 'answer 1']);
  });

  it('sends each request on that has a method override to write, and ends what it changed', async () => {
    const { get, upstream } = await cached(counted());
    await get('/u/1');
    const headers = { 'X-HTTP-Method-Override': 'delete' };
    for (const body of ['answer 2', 'answer 3']) expect((await get('/u/1', headers)).text).to.equal(body);
    expect((await get('/u/1')).text).to.equal('answer 4');
    // What is overridden to a read is stored, for itself.
    for (let i = 0; i < 2; i++) await get('/u/1', { 'X-HTTP-Method-Override': 'GET' });
    expect(upstream.requests).to.have.length(5);
  });

  it('serves HEAD from GET, and requests by GET what a HEAD finds missing', async () => {
    const { get, send, upstream, handler } = await cached(counted());
    const first = await send('HEAD');
    expect([first.status, first.text, first.lines('content-length')]).to.deep.equal([200, '', ['8']]);
    expect(cacheStatus(first)).to.equal('resilient-proxy-out; fwd=uri-miss; collapsed');
    await until(() => handler.counts().entries === 1);
    expect(cacheStatus(await send('HEAD'))).to.match(/; hit;/);
    expect((await get()).text).to.equal('answer 1');
    expect(upstream.requests.map(({ method }) => method)).to.deep.equal(['GET']);
  });

  it('serves conditional requests and ranges from the GET that it makes of the first', async () => {
    for (const [headers, code] of [
      [{ 'if-none-match': '"a"' }, 304],
      [{ range: 'bytes=0-3' }, 206],
      [{ 'if-modified-since': new Date().toUTCString() }, 304],
    ] as const) {
      const modified = new Date(Date.now() - 60_000).toUTCString();
      const { get, upstream } = await cached(counted({ etag: '"a"', 'last-modified': modified }));
      for (let i = 0; i < 3; i++) expect((await get('/', headers)).status).to.equal(code);
      expect(upstream.requests).to.have.length(1);
      expect(upstream.requests[0]?.headers).not.to.include.keys(...Object.keys(headers));
    }
  });

  it('tries only once for what cannot be stored, and reads no large body in vain', async () => {
    const large = 100 * 1024 * 1024;
    let open = 0;
    const { get, send, upstream } = await cached((req, res) => {
      if (req.headers.range)
        return void res.writeHead(206, { 'content-range': `bytes 0-1/${large}` }).end('ab');
      res.writeHead(200, { 'content-length': large });
      if (req.method === 'HEAD') return void res.end();
      open++;
      res.on('close', () => open--);
      res.write(Buffer.alloc(1000));
    });
    const part = await get('/', { range: 'bytes=0-1' });
    expect([part.status, part.text]).to.deep.equal([206, 'ab']);
    expect((await send('HEAD')).status).to.equal(200);
    await get('/', { range: 'bytes=0-1' });
    await until(() => open === 0);
    expect(upstream.requests.map(({ method }) => method)).to.deep.equal(['GET', 'GET', 'HEAD', 'GET']);
  });

  it('keeps two tenants apart, whichever header identifies them', async () => {
    for (const header of ['authorization', 'cookie', 'x-api-key', 'api-key', 'x-auth-token', 'x-tenant']) {
      const { get } = await cached(counted(), { credentialHeaders: ['X-Tenant'] });
      const a = await get('/', { [header]: 'a' });
      const b = await get('/', { [header]: 'b' });
      const anonymous = await get();
      expect([a.text, b.text, anonymous.text], header).to.deep.equal(['answer 1', 'answer 2', 'answer 3']);
      expect((await get('/', { [header]: 'a' })).text).to.equal('answer 1');
      expect((await get('/', { [header]: 'b' })).text).to.equal('answer 2');
    }
  });

  it('shares across credentials only where configured', async () => {
    const { get } = await cached(counted(), { sharedAcrossCredentials: true });
    await get('/', { authorization: 'Bearer a' });
    expect((await get('/', { authorization: 'Bearer b' })).text).to.equal('answer 1');
  });

  it("distinguishes requests by headers according to 'headerStrategy'", async () => {
    const differ = async (options: object): Promise<boolean> => {
      const { get } = await cached(counted(), options);
      await get('/', { 'x-kind': 'a' });
      return (await get('/', { 'x-kind': 'b' })).text === 'answer 2';
    };
    expect(await differ({})).to.equal(false);
    expect(await differ({ headerStrategy: 'all' })).to.equal(true);
    expect(await differ({ headerStrategy: 'listed', headers: ['X-Kind'] })).to.equal(true);
    expect(await differ({ headerStrategy: 'listed', headers: ['X-Other'] })).to.equal(false);
  });

  it('respects the Vary of the response, with Accept-Encoding normalised', async () => {
    const { get } = await cached(counted({ vary: 'accept-encoding, accept' }));
    await get('/', { 'accept-encoding': 'gzip, br', accept: 'a/b' });
    expect((await get('/', { 'accept-encoding': 'br,gzip', accept: 'a/b' })).text).to.equal('answer 1');
    expect((await get('/', { 'accept-encoding': 'br', accept: 'a/b' })).text).to.equal('answer 2');
    expect((await get('/', { 'accept-encoding': 'gzip, br', accept: 'a/b' })).text).to.equal('answer 1');
  });

  it("adds what 'key' returns to the key, and passes on what it throws", async () => {
    const { get } = await cached(counted(), { key: ({ headers }) => String(headers['x-plan'] ?? '') });
    await get('/', { 'x-plan': 'free' });
    expect((await get('/', { 'x-plan': 'paid' })).text).to.equal('answer 2');
    expect((await get('/', { 'x-plan': 'free' })).text).to.equal('answer 1');
    const broken = await cached(counted(), {
      key: () => {
        throw new Error('no key');
      },
    });
    expect((await broken.get()).status).to.equal(500);
    expect(broken.handler.counts().errors).to.equal(1);
  });

  it('stores no response that sets a cookie unless told to, though forward() would strip it', async () => {
    const upstream = await startUpstream(counted({ 'set-cookie': 'sid=1' }));
    for (const [setCookie, expected] of [
      ['bypass', 'answer 2'],
      ['store', 'answer 3'],
      ['strip', 'answer 4'],
    ] as const) {
      const proxy = resilientProxy({ name: 'a', target: upstream.url, cache: { setCookie } });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      const first = await call(url);
      expect(first.lines('set-cookie')).to.deep.equal([]);
      expect((await call(url)).text).to.equal(expected);
    }
  });

  it('sends no Cache-Status where it is turned off, and another name where one is given', async () => {
    const silent = await cached(counted(), { cacheStatus: false });
    await silent.get();
    expect((await silent.get()).lines('cache-status')).to.deep.equal([]);
    const named = await cached(counted({ 'cache-status': 'inner; hit' }), { cacheStatus: 'edge 1' });
    await named.get();
    const [inner, own] = (await named.get()).lines('cache-status');
    expect(inner).to.equal('inner; hit');
    expect(own).to.match(/^"edge 1"; hit; ttl=/);
  });

  it('keeps APIs apart, is off unless configured, and records its verdict on the exchange', async () => {
    const upstream = await startUpstream((req, res) =>
      json(`${req.url} ${upstream.requests.length}`)(req, res),
    );
    const proxy = resilientProxy({
      defaults: { target: upstream.url },
      apis: { a: { cache: {} }, b: { cache: {} }, c: {}, d: { cache: false } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const texts: string[] = [];
    for (const api of ['a', 'a', 'b', 'c', 'c', 'd', 'd']) texts.push((await call(`${url}/${api}/x`)).text);
    expect(texts).to.deep.equal([1, 1, 2, 3, 4, 5, 6].map((n) => `"/x ${n}"`));
    expect(proxy.apis.get('a')?.cache?.counts()).to.include({ hits: 1, misses: 1 });
    expect(proxy.apis.get('c')?.cache).to.equal(undefined);
  });

  it('keeps caches of different names apart in one store', async () => {
    const store = new MemoryStore();
    const one = await cached(counted(), { name: 'one', store });
    const other = await cached(counted(), { name: 'other', store });
    await one.get();
    expect(cacheStatus(await other.get())).to.match(/fwd=uri-miss/);
    expect(cacheStatus(await one.get())).to.match(/hit/);
    expect(store.counts().entries).to.equal(2);
  });
});

describe("cache() of POST in 'ttl' mode", () => {
  const options = { methods: ['GET', 'POST'] };
  const query = (body: string, type = 'application/json') => ({ body, headers: { 'content-type': type } });

  it('includes the body in the key', async () => {
    const { send, upstream } = await cached(counted(), options);
    const first = await send('POST', '/search', query('{"q":1}'));
    const second = await send('POST', '/search', query('{"q":1}'));
    const other = await send('POST', '/search', query('{"q":2}'));
    expect([first.text, second.text, other.text]).to.deep.equal(['answer 1', 'answer 1', 'answer 2']);
    expect(upstream.requests.map(({ body }) => String(body))).to.deep.equal(['{"q":1}', '{"q":2}']);
    expect((await send('POST', '/search', query('{"q":1}', 'text/plain'))).text).to.equal('answer 3');
  });

  it('uses the body that validateBody has read', async () => {
    const upstream = await startUpstream(counted());
    const proxy = resilientProxy({ name: 'a', target: upstream.url, requiresBody: true, cache: options });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const post = (body: string) => call(url, { method: 'POST', body });
    expect((await post('[1]')).text).to.equal('answer 1');
    expect((await post('[1]')).text).to.equal('answer 1');
    expect((await post('[2]')).text).to.equal('answer 2');
    expect(upstream.requests.map(({ body }) => String(body))).to.deep.equal(['[1]', '[2]']);
  });

  it('bypasses the cache for a body too large to hash, with a length or without', async () => {
    const { send, upstream, handler } = await cached(counted(), options);
    const body = Buffer.alloc(3 * 1024 * 1024, 'x');
    const response = await send('POST', '/', { body, headers: { 'content-length': body.length } });
    expect(cacheStatus(response)).to.equal('resilient-proxy-out; fwd=bypass; detail=body');
    const { Readable } = await import('node:stream');
    const stream = Readable.from(Array.from({ length: 48 }, () => Buffer.alloc(64 * 1024, 'y')));
    await send('POST', '/', { body: stream });
    expect(handler.counts()).to.include({ bypassed: 2, misses: 0, entries: 0 });
    expect(upstream.requests.map(({ bytes }) => bytes)).to.deep.equal([body.length, body.length]);
  });

  it('does not treat a POST as a read unless configured', async () => {
    const { send, get } = await cached(counted());
    await get('/x');
    expect((await send('POST', '/x', query('1'))).text).to.equal('answer 2');
    // It may have changed something.
    expect((await get('/x')).text).to.equal('answer 3');
  });

  it('includes the body of a GET in the key as well', async () => {
    const { send } = await cached(counted());
    const ask = (body: string) => send('GET', '/', { body, headers: { 'content-length': body.length } });
    expect((await ask('a')).text).to.equal('answer 1');
    expect((await ask('b')).text).to.equal('answer 2');
    expect((await ask('a')).text).to.equal('answer 1');
  });
});
