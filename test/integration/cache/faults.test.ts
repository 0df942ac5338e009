import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { bigBody, digestOfBigBody } from '../../support/bytes.js';
import { begin, call, endingOf, headOf, open } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { standstill, until } from '../../support/until.js';
import { cached, cacheStatus, counted, openCache, TestClock } from './testing.js';

async function raw(response: string) {
  const upstream = await startRawUpstream(rawResponse(response));
  const handler = openCache({});
  const { url } = await startForward({ target: upstream.url }, handler);
  return { url, handler, upstream };
}

describe('cache() and bad input', () => {
  it('never stores a body that was cut off, with a length or without', async () => {
    for (const head of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads(1);
        const body = head.startsWith('C') ? 'half' : '4\r\nhalf\r\n';
        connection.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`);
        setTimeout(() => connection.reset(), 20);
      });
      const handler = openCache({});
      const { url } = await startForward({ target: upstream.url }, handler);
      const { res } = await open(url);
      expect((await endingOf(res)).clean, head).to.equal(false);
      expect(handler.counts().entries, head).to.equal(0);
    }
  });

  it('stores as much as Content-Length says where more arrives, and nothing else', async () => {
    const { url, handler } = await raw(
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nX: 1\r\n\r\n',
    );
    expect((await call(url)).text).to.equal('good');
    const hit = await call(url);
    expect([hit.text, hit.headers.x]).to.deep.equal(['good', undefined]);
    expect(handler.counts().entries).to.equal(1);
  });

  it('stores no response of a handler that sends less or more than it announced', async () => {
    for (const body of ['abc', 'abcdef']) {
      const handler = openCache({});
      const { serve } = await import('../../support/serve.js');
      const { port } = await serve((req, res, next) =>
        handler(req, res, (error) => {
          if (error) return next(error);
          res.writeHead(200, { 'content-length': 5 });
          res.end(body);
        }),
      );
      const { rawClient } = await import('../../support/raw-client.js');
      const client = await rawClient(port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until(/abc/);
      client.destroy();
      expect(handler.counts().entries, body).to.equal(0);
    }
  });

  it('does not store a response whose client leaves while it is recorded', async () => {
    const { proxy, handler, upstream } = await cached((_req, res) => {
      res.write('begun');
    });
    const { req } = await open(proxy.url);
    req.destroy();
    await until(() => upstream.connections.open === 0);
    expect(handler.counts().entries).to.equal(0);
  });

  it('passes on a body over maxEntryBytes at its own pace, and stops recording it', async () => {
    const size = 60 * 1024 * 1024;
    let source = bigBody(size);
    const { proxy, handler, get } = await cached((_req, res) => {
      source = bigBody(size);
      source.pipe(res);
    });
    const { res } = await open(proxy.url);
    const read = await standstill(() => source.made);
    expect(read).to.be.below(size / 2);
    const hash = createHash('sha256');
    for await (const chunk of res) hash.update(chunk);
    expect(hash.digest('hex')).to.equal(digestOfBigBody(size));
    expect(handler.counts()).to.include({ entries: 0, bytes: 0 });
    expect(cacheStatus(await get())).to.match(/fwd=uri-miss/);
  });

  it('stores a body of maxEntryBytes and none that is a byte longer', async () => {
    for (const [length, expected] of [
      [5000, 1],
      [5001, 0],
    ] as const) {
      for (const chunked of [true, false]) {
        const { get, handler } = await cached(
          (_req, res) => {
            if (!chunked) res.setHeader('content-length', length);
            res.write('x'.repeat(length - 1));
            res.end('y');
          },
          { maxEntryBytes: 5000 },
        );
        expect((await get()).body.length).to.equal(length);
        expect(handler.counts().entries, `${length} ${chunked}`).to.equal(expected);
        expect((await get()).body.length).to.equal(length);
      }
    }
  });

  it('stores binary bodies unchanged, small and large', async () => {
    for (const length of [1000, 16 * 1024, 100_000]) {
      const body = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 255));
      const { get } = await cached((_req, res) => void res.end(body));
      await get();
      const hit = await get();
      expect(cacheStatus(hit)).to.match(/; hit/);
      expect(hit.body.equals(body)).to.equal(true);
      const part = await get('/', { range: 'bytes=500-599' });
      expect(part.body.equals(body.subarray(500, 600))).to.equal(true);
    }
  });

  it("never stores a response that varies on '*', or on a flood of headers", async () => {
    const flood = Array.from({ length: 200 }, (_, i) => `x-${i}`).join(', ');
    for (const vary of ['*', 'accept, *', flood]) {
      const { get, handler } = await cached(counted({ vary }));
      await get();
      expect((await get()).text).to.equal('answer 2');
      expect(handler.counts().entries).to.equal(0);
    }
  });

  it('keeps only a few of 1000 variants of one URI', async () => {
    const { proxy, handler } = await cached(counted({ vary: 'x-kind' }));
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    await Promise.all(
      Array.from({ length: 1000 }, (_, i) => call(proxy.url, { agent, headers: { 'x-kind': String(i) } })),
    );
    agent.destroy();
    expect(handler.counts().entries).to.equal(1);
    expect(handler.counts().bytes).to.be.below(100_000);
  });

  it('stays within maxBytes, evicting what was used least recently', async () => {
    const { get, handler } = await cached((_req, res) => void res.end('x'.repeat(1000)), {
      maxBytes: 50_000,
    });
    await get('/first');
    for (let i = 0; i < 100; i++) {
      await get(`/${i}`);
      await get('/first');
    }
    const { bytes, entries, evictions } = handler.counts();
    expect(bytes).to.be.at.most(50_000);
    expect(entries).to.be.within(10, 49);
    expect(evictions).to.equal(101 - entries);
    expect(cacheStatus(await get('/first'))).to.match(/; hit/);
    expect(cacheStatus(await get('/0'))).to.match(/fwd=uri-miss/);
  });

  it('keeps paths with odd characters apart', async () => {
    const { send } = await cached(counted());
    const texts: string[] = [];
    for (const path of ['/a%0d%0ab', '/a%00', '/a:b', '/a:b:', '/a{b}', '/a', '/a']) {
      texts.push((await send('GET', path)).text);
    }
    expect(texts).to.deep.equal([1, 2, 3, 4, 5, 6, 6].map((n) => `answer ${n}`));
  });

  it('forwards interim responses, and repeats none from the store', async () => {
    const { proxy } = await cached((_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => res.end('x'));
    });
    const first = await call(proxy.url);
    expect(first.information.map(({ status }) => status)).to.deep.equal([103]);
    const second = await call(proxy.url);
    expect([second.text, second.information.length]).to.deep.equal(['x', 0]);
  });

  it('stores no trailers and no hop-by-hop headers', async () => {
    const { proxy } = await cached((_req, res) => {
      res.writeHead(200, { trailer: 'x-sum', connection: 'x-hop', 'x-hop': '1', 'x-kept': '1' });
      res.write('x');
      res.addTrailers({ 'x-sum': '9' });
      res.end();
    });
    expect((await call(proxy.url)).rawTrailers).to.deep.equal(['x-sum', '9']);
    const hit = await call(proxy.url);
    expect(hit.rawTrailers).to.deep.equal([]);
    expect([hit.headers['x-hop'], hit.headers['x-kept']]).to.deep.equal([undefined, '1']);
  });

  it('is not held up by a client that does not read while others wait', async () => {
    const size = 800_000;
    const { proxy } = await cached((_req, res) => {
      setTimeout(() => res.end(Buffer.alloc(size, 'x')), 50);
    });
    const stuck = begin(proxy.url);
    stuck.on('response', (res) => res.pause());
    await new Promise((resolve) => setTimeout(resolve, 20));
    const other = call(proxy.url);
    await headOf(stuck);
    expect((await other).body.length).to.equal(size);
  });

  it('treats a 404 as a response, not as a failure', async () => {
    const clock = new TestClock();
    const { get } = await cached(
      [counted({}, { clock }), (_req, res) => void res.writeHead(404).end()],
      {},
      { clock },
    );
    await get();
    clock.advance(61_000);
    expect((await get()).status).to.equal(404);
    expect((await get()).status).to.equal(404);
  });
});
