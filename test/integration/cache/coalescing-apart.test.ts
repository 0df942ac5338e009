import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, endingOf, headOf, open, responseOf } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { standstill, until } from '../../support/until.js';
import { type CachedUpstream, cached, cacheStatus } from './testing.js';

type Asked = { req: IncomingMessage; res: ServerResponse };

/** An upstream that responds when the test says so. */
async function held(options: CacheOptions = {}): Promise<CachedUpstream & { asked: Asked[] }> {
  const asked: Asked[] = [];
  const setup = await cached((req, res) => void asked.push({ req, res }), options);
  return { ...setup, asked };
}

/** A cache in front of a handler of the application's own. */
async function inFront(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  options: CacheOptions = {},
) {
  const front = cache({ ttlMs: 60_000, ...options });
  onCleanup(() => front.close());
  return serve((req, res) => front(req, res, () => handler(req, res)));
}

describe('cache() with equal calls that go apart', () => {
  it('makes one request for each variant of a response that nobody knew to vary', async () => {
    const { proxy, asked } = await held();
    const ask = (accept: string) => call(proxy.url, { headers: { accept } });
    const calls = ['a', 'b', 'c'].flatMap((accept) => [ask(accept), ask(accept), ask(accept)]);
    await until(() => proxy.connections.total === 9 && asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    respond(asked[0]);
    await until(() => asked.length === 3);
    for (const one of asked.slice(1)) respond(one);
    const texts = (await Promise.all(calls)).map(({ text }) => text).join('');
    expect(texts).to.have.length(9);
    expect([...texts].sort().join('')).to.equal('aaabbbccc');
    expect(asked).to.have.length(3);

    function respond({ req, res }: Asked = asked[0] as Asked): void {
      res.writeHead(200, { vary: 'accept' }).end(req.headers.accept);
    }
  });

  it('renews each variant with one request when all of them expire', async () => {
    let renewed = 0;
    const setup = await cached(
      (req, res) => {
        renewed++;
        setTimeout(() => {
          const headers = { vary: 'accept', etag: `"${req.headers.accept}"` };
          if (req.headers['if-none-match']) res.writeHead(304, headers).end();
          else res.writeHead(200, headers).end(req.headers.accept);
        }, 30);
      },
      { ttlMs: 1000 },
    );
    const ask = (accept: string) => setup.get('/', { accept });
    for (const accept of ['a', 'b', 'c']) await ask(accept);
    setup.clock.advance(2000);
    renewed = 0;
    const texts = await Promise.all(
      ['a', 'b', 'c'].flatMap((accept) => [ask(accept), ask(accept), ask(accept)]),
    );
    expect(texts.map(({ text }) => text).join('')).to.equal('aaabbbccc');
    expect(renewed).to.equal(3);
  });

  it('has another one try where the response blames the request, and all where that happens twice', async () => {
    const { proxy, asked } = await held();
    const calls = Array.from({ length: 4 }, () => call(proxy.url));
    await until(() => proxy.connections.total === 4 && asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    asked[0]?.res.writeHead(406).end();
    await until(() => asked.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).to.have.length(2);
    asked[1]?.res.writeHead(406).end();
    await until(() => asked.length === 4);
    for (const { res } of asked.slice(2)) res.end('good');
    const got = (await Promise.all(calls)).map(({ status }) => status).sort();
    expect(got).to.deep.equal([200, 200, 406, 406]);
  });

  it('sends one more request after coalesceTimeoutMs, whose response all others get', async () => {
    const { proxy, asked } = await held({ coalesceTimeoutMs: 80 });
    const slow = call(proxy.url);
    await until(() => asked.length === 1);
    const others = Array.from({ length: 5 }, () => call(proxy.url));
    await until(() => asked.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).to.have.length(2);
    asked[1]?.res.end('quick');
    expect(new Set((await Promise.all(others)).map(({ text }) => text))).to.deep.equal(new Set(['quick']));
    asked[0]?.res.end('slow');
    expect((await slow).text).to.equal('slow');
  });

  it('gives those the slow response that wait for the next one, where it comes first', async () => {
    const { proxy, asked } = await held({ coalesceTimeoutMs: 80 });
    const slow = call(proxy.url);
    await until(() => asked.length === 1);
    const others = [call(proxy.url), call(proxy.url)];
    await until(() => asked.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    asked[0]?.res.end('slow');
    expect((await slow).text).to.equal('slow');
    expect((await Promise.race(others)).text).to.equal('slow');
    asked[1]?.res.end('quick');
    await Promise.all(others);
  });

  it('goes on for the others where a handler does so although its client has left', async () => {
    let written: ServerResponse | undefined;
    const front = await inFront((_req, res) => {
      written = res;
      res.write('one ');
    });
    const leader = await open(front.url);
    const follower = await open(front.url);
    leader.res.destroy();
    await until(() => front.connections.open === 1);
    written?.write('two ');
    written?.end('three');
    expect((await responseOf(follower)).text).to.equal('one two three');
    expect(cacheStatus(await call(front.url))).to.match(/; hit/);
  });

  it('ends the others where a handler stops when its client leaves', async () => {
    const front = await inFront((_req, res) => {
      res.write('one ');
      res.on('close', () => res.emit('unpipe'));
    });
    const leader = await open(front.url);
    const follower = await open(front.url);
    const ending = endingOf(follower.res);
    leader.res.destroy();
    expect((await ending).clean).to.equal(false);
  });

  it('reads a response to its end that everybody has left, where little is missing', async () => {
    const setup = await held();
    const leader = begin(setup.proxy.url);
    await until(() => setup.asked.length === 1);
    setup.asked[0]?.res.writeHead(200, { 'content-length': '7' }).write('one ');
    (await headOf(leader)).res.destroy();
    await until(() => setup.proxy.connections.open === 0);
    setup.asked[0]?.res.end('two');
    await until(() => setup.handler.counts().entries === 1);
    expect((await setup.get()).text).to.equal('one two');
    expect(setup.asked).to.have.length(1);
  });

  for (const [what, options, length] of [
    ['that is turned off', { finishAbandoned: false }, 7],
    ['much is missing', {}, 100_000],
  ] as const) {
    it(`ends it at once where ${what}`, async () => {
      const setup = await held(options);
      const leader = begin(setup.proxy.url);
      await until(() => setup.asked.length === 1);
      setup.asked[0]?.res.writeHead(200, { 'content-length': length }).write('one ');
      (await headOf(leader)).res.destroy();
      await until(() => setup.upstream.connections.open === 0);
      expect(setup.handler.counts().entries).to.equal(0);
    });
  }

  it('lets a body too large to store go at the pace of those who read it, its own client gone', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let written = 0;
    const setup = await cached(
      async (_req, res) => {
        for (let i = 0; i < 400; i++) {
          written += chunk.length;
          if (!res.write(chunk)) await once(res, 'drain');
        }
        res.end();
      },
      { maxEntryBytes: 100_000 },
    );
    const leader = get(setup.proxy.url, { agent: false }).on('error', () => {});
    const [mine] = (await once(leader, 'response')) as [IncomingMessage];
    mine.on('error', () => {});
    const follower = get(setup.proxy.url, { agent: false });
    const [theirs] = (await once(follower, 'response')) as [IncomingMessage];
    mine.destroy();
    // A client that does not read holds the upstream up, and loses nothing.
    expect(await standstill(() => written)).to.be.below(400 * chunk.length);
    let bytes = 0;
    for await (const part of theirs) bytes += (part as Buffer).length;
    expect(bytes).to.equal(400 * chunk.length);
  });
});
