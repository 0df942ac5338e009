import { expect } from 'chai';
import { until } from '../../support/until.js';
import { status, text, type UpstreamResponse } from '../../support/upstream.js';
import { cached, cacheStatus, counted, TestClock } from './testing.js';

const standard = { mode: 'standard' } as const;

/** Confirms the tag `"v1"` with these headers, and otherwise sends a running number with that tag. */
function validated(clock: TestClock, headers: Record<string, string> = {}): UpstreamResponse {
  const whole = counted({ etag: '"v1"', 'cache-control': 'max-age=10', ...headers }, { clock });
  return (req, res) => {
    if (req.headers['if-none-match'] !== '"v1"') return whole(req, res);
    const date = new Date(clock.now()).toUTCString();
    res
      .writeHead(304, { date, etag: '"v1"', 'cache-control': 'max-age=10', 'x-seen': 'again', ...headers })
      .end();
  };
}

describe("cache() in 'standard' mode", () => {
  it('stores for as long as the upstream says, and not where it says nothing', async () => {
    const clock = new TestClock();
    const { get } = await cached(counted({ 'cache-control': 'max-age=10' }, { clock }), standard, { clock });
    await get();
    clock.advance(8000);
    const hit = await get();
    expect(hit.text).to.equal('answer 1');
    expect(Number(hit.headers.age)).to.be.within(8, 9);
    clock.advance(3000);
    expect((await get()).text).to.equal('answer 2');
    const silent = await cached(counted(), standard);
    await silent.get();
    expect((await silent.get()).text).to.equal('answer 2');
  });

  it('obeys no-cache and max-age of a request', async () => {
    const { get } = await cached(counted({ 'cache-control': 'max-age=10' }), standard);
    await get();
    expect((await get('/', { 'cache-control': 'no-cache' })).text).to.equal('answer 2');
    expect((await get('/', { 'cache-control': 'max-age=0' })).text).to.equal('answer 3');
    expect((await get()).text).to.equal('answer 3');
  });

  it('responds to only-if-cached with 504 where nothing is stored', async () => {
    const { get, upstream } = await cached(counted({ 'cache-control': 'max-age=10' }), standard);
    const refused = await get('/', { 'cache-control': 'only-if-cached' });
    expect(refused.status).to.equal(504);
    expect(cacheStatus(refused)).to.equal('resilient-proxy-out; fwd=uri-miss; detail=only-if-cached');
    expect(upstream.requests).to.have.length(0);
  });

  it('revalidates a stale response, and sends it with the headers of the 304', async () => {
    const clock = new TestClock();
    const { get, upstream, handler } = await cached(validated(clock), standard, { clock });
    await get('/', { 'x-kind': 'a' });
    clock.advance(11_000);
    const again = await get('/', { 'x-kind': 'b', 'if-none-match': '"other"' });
    expect(again.status).to.equal(200);
    expect(again.text).to.equal('answer 1');
    expect(again.lines('x-seen')).to.deep.equal(['again']);
    expect(upstream.requests[1]?.headers).to.include({ 'if-none-match': '"v1"', 'x-kind': 'b' });
    expect(cacheStatus(again)).to.match(/^resilient-proxy-out; fwd=stale; fwd-status=304; ttl=\d+; stored$/);
    clock.advance(5000);
    const hit = await get();
    expect(hit.text).to.equal('answer 1');
    expect(hit.lines('x-seen')).to.deep.equal(['again']);
    expect(upstream.requests).to.have.length(2);
    expect(handler.counts()).to.include({ hits: 1, misses: 1, revalidated: 1 });
  });

  it('sends 304 to a client that has the stale response once it is confirmed', async () => {
    const clock = new TestClock();
    const { get } = await cached(validated(clock), standard, { clock });
    await get();
    clock.advance(11_000);
    const again = await get('/', { 'if-none-match': '"v1"' });
    expect(again.status).to.equal(304);
    expect(again.text).to.equal('');
  });

  it('replaces a stale response that has changed', async () => {
    const clock = new TestClock();
    const { get } = await cached(
      counted({ etag: '"v1"', 'cache-control': 'max-age=10' }, { clock }),
      standard,
      { clock },
    );
    await get();
    clock.advance(11_000);
    expect((await get()).text).to.equal('answer 2');
    expect((await get()).text).to.equal('answer 2');
  });

  it('sends an unconditional request where the upstream confirms another response than the stored one', async () => {
    const clock = new TestClock();
    const whole = counted({ etag: '"v1"', 'cache-control': 'max-age=10' }, { clock });
    const { get, upstream } = await cached(
      (req, res) => {
        if (req.headers['if-none-match'] === undefined) whole(req, res);
        else res.writeHead(304, { etag: '"other"' }).end();
      },
      standard,
      { clock },
    );
    await get();
    clock.advance(11_000);
    const again = await get();
    expect(again.status).to.equal(200);
    expect(again.text).to.equal('answer 2');
    expect(upstream.requests.map(({ headers }) => headers['if-none-match'])).to.deep.equal([
      undefined,
      '"v1"',
      undefined,
    ]);
  });

  it('evaluates conditions of a client against the store', async () => {
    const modified = 'Mon, 01 Jan 2024 00:00:00 GMT';
    const { get, upstream } = await cached(
      counted({ etag: 'W/"v1"', 'last-modified': modified, 'cache-control': 'max-age=60' }),
      standard,
    );
    await get();
    const matched = await get('/', { 'if-none-match': '"x", "v1"' });
    expect(matched.status).to.equal(304);
    expect(matched.lines('etag')).to.deep.equal(['W/"v1"']);
    expect(matched.lines('content-length')).to.deep.equal([]);
    expect((await get('/', { 'if-modified-since': modified })).status).to.equal(304);
    expect((await get('/', { 'if-none-match': '"x"', 'if-modified-since': modified })).status).to.equal(200);
    expect(upstream.requests).to.have.length(1);
  });

  it('serves ranges of a stored complete body, and stores no partial response', async () => {
    const { get, upstream } = await cached((req, res) => {
      const isPart = req.headers.range !== undefined || upstream.requests.length === 1;
      const respond = isPart
        ? status(206, { 'content-range': 'bytes 0-1/8', 'cache-control': 'max-age=60' })
        : text('12345678', { 'cache-control': 'max-age=60' });
      respond(req, res);
    }, standard);
    // The upstream answers a request without a range by a part of its own accord.
    expect((await get('/', { range: 'bytes=0-1' })).status).to.equal(206);
    await get();
    const part = await get('/', { range: 'bytes=2-4' });
    expect([part.status, part.text]).to.deep.equal([206, '345']);
    expect(part.lines('content-range')).to.deep.equal(['bytes 2-4/8']);
    expect((await get('/', { range: 'bytes=-2' })).text).to.equal('78');
    expect((await get('/', { range: 'bytes=9-' })).status).to.equal(416);
    expect((await get('/', { range: 'bytes=0-1,3-4' })).text).to.equal('12345678');
    expect(upstream.requests).to.have.length(3);
  });

  it('does not share what was for one client: Authorization, private, Set-Cookie', async () => {
    const all = { 'cache-control': 'max-age=60' };
    for (const headers of [{ 'cache-control': 'private, max-age=60' }, { ...all, 'set-cookie': 'a=1' }]) {
      const { get } = await cached(counted({ ...headers }), standard);
      await get();
      expect((await get()).text).to.equal('answer 2');
    }
    const { get } = await cached(counted(all), { ...standard, sharedAcrossCredentials: true });
    await get('/', { authorization: 'a' });
    expect((await get('/', { authorization: 'a' })).text).to.equal('answer 2');
    expect((await get('/')).text).to.equal('answer 3');
  });

  it('invalidates what an unsafe request has changed, and what its response names', async () => {
    const fresh = counted({ 'cache-control': 'max-age=60' });
    const { get, send } = await cached((req, res) => {
      if (req.method === 'GET') fresh(req, res);
      else if (req.headers['x-fails']) res.writeHead(500).end();
      else res.writeHead(201, { location: '/made', 'content-location': 'http://elsewhere.test/other' }).end();
    }, standard);
    for (const path of ['/list?page=1', '/list?page=2', '/made', '/other', '/list2']) await get(path);
    await send('POST', '/list', { headers: { 'x-fails': '1' } });
    expect(cacheStatus(await get('/list?page=1'))).to.match(/hit/);
    await send('POST', '/list');
    const seen: string[] = [];
    for (const path of ['/list?page=1', '/list?page=2', '/made', '/other', '/list2']) {
      seen.push(/; hit/.test(cacheStatus(await get(path))) ? 'hit' : 'miss');
    }
    expect(seen).to.deep.equal(['miss', 'miss', 'miss', 'hit', 'hit']);
  });

  it('invalidates a path as it was sent, although a URL would spell it otherwise', async () => {
    const { send } = await cached(counted({ 'cache-control': 'max-age=60' }), standard);
    for (const path of ['/a/../b', '/a/./b', '/users/{7}', '/say"it"', '/a\\b', '/it`s^', '//a']) {
      await send('GET', '/', { path });
      expect(cacheStatus(await send('GET', '/', { path })), path).to.match(/; hit/);
      await send('DELETE', '/', { path });
      expect(cacheStatus(await send('GET', '/', { path })), path).to.match(/fwd=uri-miss/);
    }
  });

  it('does not store a response that became out of date while in flight', async () => {
    let respondToGet: (() => void) | undefined;
    const { get, send, upstream } = await cached((req, res) => {
      if (req.method === 'PUT') return void res.end();
      const body = String(upstream.requests.length);
      const respond = () => res.writeHead(200, { 'cache-control': 'max-age=60' }).end(body);
      if (upstream.requests.length > 1) respond();
      else respondToGet = respond;
    }, standard);
    const first = get();
    await until(() => respondToGet !== undefined);
    await send('PUT');
    respondToGet?.();
    expect((await first).text).to.equal('1');
    expect((await get()).text).to.equal('3');
  });

  it('stores a POST response with its own Content-Location for GET', async () => {
    const { get, send } = await cached(
      counted({ 'content-location': '/thing', 'cache-control': 'max-age=60' }),
      standard,
    );
    await send('POST', '/thing');
    expect((await get('/thing')).text).to.equal('answer 1');
  });
});

describe('cache() with stale-while-revalidate', () => {
  const headers = { 'cache-control': 'max-age=10, stale-while-revalidate=30', etag: '"v1"' };

  it('sends the stale response at once while one request in the background renews it', async () => {
    const clock = new TestClock();
    const waiting: (() => void)[] = [];
    const respond = counted(headers, { clock });
    const { get, upstream, handler } = await cached(
      (req, res) => {
        if (upstream.requests.length === 1) respond(req, res);
        else waiting.push(() => respond(req, res));
      },
      standard,
      { clock },
    );
    await get();
    clock.advance(12_000);
    const stale = await Promise.all([get(), get(), get()]);
    expect(stale.map(({ text }) => text)).to.deep.equal(['answer 1', 'answer 1', 'answer 1']);
    expect(cacheStatus(stale[0])).to.match(/^resilient-proxy-out; hit; ttl=-\d$/);
    await until(() => waiting.length > 0);
    expect(upstream.requests).to.have.length(2);
    expect(upstream.requests[1]?.headers['if-none-match']).to.equal('"v1"');
    waiting[0]?.();
    await until(() => handler.counts().misses === 2);
    expect((await get()).text).to.equal('answer 2');
    expect(upstream.requests).to.have.length(2);
    expect(handler.counts()).to.include({ stale: 3, hits: 1 });
  });

  it('updates the stored response on a 304 in the background', async () => {
    const clock = new TestClock();
    const { get, handler } = await cached(validated(clock, headers), standard, { clock });
    await get();
    clock.advance(12_000);
    await get();
    await until(() => handler.counts().revalidated === 1);
    const hit = await get();
    expect(cacheStatus(hit)).to.match(/hit; ttl=\d/);
    expect(hit.text).to.equal('answer 1');
  });

  it('tries again with the next request when the background request failed', async () => {
    const clock = new TestClock();
    const { get, upstream, handler } = await cached(
      [counted(headers, { clock }), (req) => req.socket.destroy(), counted(headers, { clock })],
      { ...standard, ttlMs: 1000 },
      { clock },
    );
    await get();
    clock.advance(12_000);
    expect((await get()).text).to.equal('answer 1');
    await until(() => upstream.connections.closed > 0);
    expect((await get()).text).to.equal('answer 1');
    await until(() => handler.counts().misses === 2);
    expect(cacheStatus(await get())).to.match(/hit; ttl=\d/);
  });

  it("in 'ttl' mode uses staleWhileRevalidateMs, POST included", async () => {
    const { send, clock, upstream, handler } = await cached(counted(), {
      methods: ['POST'],
      ttlMs: 1000,
      staleWhileRevalidateMs: 5000,
    });
    await send('POST', '/', { body: 'q' });
    clock.advance(2000);
    expect((await send('POST', '/', { body: 'q' })).text).to.equal('answer 1');
    await until(() => handler.counts().misses === 2);
    expect(upstream.requests.map(({ body }) => String(body))).to.deep.equal(['q', 'q']);
    expect((await send('POST', '/', { body: 'q' })).text).to.equal('answer 2');
    clock.advance(7000);
    expect((await send('POST', '/', { body: 'q' })).text).to.equal('answer 3');
  });
});
