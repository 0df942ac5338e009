import type { ServerResponse } from 'node:http';
import { Agent } from 'node:http';
import { expect } from 'chai';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, endingOf, headOf, open, responseOf } from '../../support/client.js';
import { until } from '../../support/until.js';
import { type CachedUpstream, cached, cacheStatus } from './testing.js';

/** An upstream that responds when the test says so. */
async function held(options: CacheOptions = {}): Promise<CachedUpstream & { responses: ServerResponse[] }> {
  const responses: ServerResponse[] = [];
  const setup = await cached((_req, res) => void responses.push(res), options);
  return { ...setup, responses };
}

const misses = ({ handler }: CachedUpstream) => handler.counts().misses;

describe('cache() with equal calls at the same time', () => {
  it('makes one upstream request for 1000 equal ones', async () => {
    const setup = await held();
    const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
    onCleanup(() => agent.destroy());
    const calls = Array.from({ length: 1000 }, () => call(setup.proxy.url, { agent }));
    await until(() => setup.proxy.connections.total === 1000, 'all connections', 15_000);
    await until(() => setup.responses.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    setup.responses[0]?.writeHead(200, { 'content-type': 'text/plain' }).end('shared');
    const responses = await Promise.all(calls);
    expect(new Set(responses.map(({ text }) => text))).to.deep.equal(new Set(['shared']));
    expect(setup.upstream.requests).to.have.length(1);
    const { hits, coalesced } = setup.handler.counts();
    expect(hits + coalesced).to.equal(999);
  });

  it('streams the response to all of them as it arrives, to late ones from the beginning', async () => {
    const { proxy, responses, upstream } = await held();
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    const follower = begin(proxy.url);
    responses[0]?.writeHead(200);
    responses[0]?.write('one ');
    const [first, second] = await Promise.all([headOf(leader), headOf(follower)]);
    const late = await open(proxy.url);
    responses[0]?.end('two');
    const texts = (await Promise.all([first, second, late].map(responseOf))).map(({ text }) => text);
    expect(texts).to.deep.equal(['one two', 'one two', 'one two']);
    expect(cacheStatus(await responseOf(await open(proxy.url)))).to.match(/; hit/);
    expect(upstream.requests).to.have.length(1);
  });

  it('marks the followers as collapsed in Cache-Status', async () => {
    const setup = await held();
    const calls = [call(setup.proxy.url), call(setup.proxy.url)];
    await until(() => setup.proxy.connections.total === 2);
    await until(() => setup.responses.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    setup.responses[0]?.end('x');
    const values = (await Promise.all(calls)).map(cacheStatus).sort();
    expect(values).to.deep.equal([
      'resilient-proxy-out; fwd=uri-miss; collapsed',
      'resilient-proxy-out; fwd=uri-miss; stored',
    ]);
  });

  it('serves HEAD, a condition and a range from the same request', async () => {
    const { proxy, responses, upstream } = await held();
    const leader = call(proxy.url);
    await until(() => responses.length === 1);
    const others = [
      call(proxy.url, { method: 'HEAD' }),
      call(proxy.url, { headers: { 'if-none-match': '"v"' } }),
      call(proxy.url, { headers: { range: 'bytes=1-2' } }),
    ];
    await until(() => proxy.connections.total === 4);
    await new Promise((resolve) => setTimeout(resolve, 20));
    responses[0]?.writeHead(200, { etag: '"v"' }).end('12345');
    await leader;
    const got = (await Promise.all(others)).map(({ status, text }) => [status, text]);
    expect(got).to.deep.equal([
      [200, ''],
      [304, ''],
      [206, '23'],
    ]);
    expect(upstream.requests).to.have.length(1);
  });

  it('sends each request on its own where the response is for one client only, and at once from then on', async () => {
    const { proxy, responses } = await held({ mode: 'standard' });
    const calls = [call(proxy.url), call(proxy.url), call(proxy.url)];
    await until(() => proxy.connections.total === 3);
    await until(() => responses.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    responses[0]?.writeHead(200, { 'cache-control': 'private' }).end('1');
    await until(() => responses.length === 3);
    for (const [i, res] of responses.slice(1).entries())
      res.writeHead(200, { 'cache-control': 'private' }).end(`${i + 2}`);
    const texts = (await Promise.all(calls)).map(({ text }) => text).sort();
    expect(texts).to.deep.equal(['1', '2', '3']);
    const two = [call(proxy.url), call(proxy.url)];
    await until(() => responses.length === 5);
    for (const res of responses.slice(3)) res.end();
    await Promise.all(two);
  });

  it('goes on for the others when the leading client leaves', async () => {
    const setup = await held();
    const { proxy, responses, upstream } = setup;
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    const follower = call(proxy.url);
    await until(() => proxy.connections.total === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    leader.destroy();
    await until(() => proxy.connections.open === 1);
    responses[0]?.end('still');
    expect((await follower).text).to.equal('still');
    expect(upstream.requests).to.have.length(1);
    expect((await setup.get()).text).to.equal('still');
  });

  it('goes on in the middle of a body as well', async () => {
    const { proxy, responses, get } = await held();
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    responses[0]?.write('one ');
    const { res } = await headOf(leader);
    const follower = await open(proxy.url);
    res.destroy();
    await until(() => proxy.connections.open === 1);
    responses[0]?.end('two');
    expect((await responseOf(follower)).text).to.equal('one two');
    expect((await get()).text).to.equal('one two');
  });

  it('aborts the request when all of them have left', async () => {
    const setup = await held();
    const { proxy, responses, upstream } = setup;
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    const follower = begin(proxy.url);
    await until(() => proxy.connections.total === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    leader.destroy();
    await until(() => proxy.connections.open === 1);
    expect(upstream.connections.open).to.equal(1);
    follower.destroy();
    await until(() => upstream.connections.open === 0);
    const next = call(proxy.url);
    await until(() => responses.length === 2);
    responses[1]?.end('next');
    expect((await next).text).to.equal('next');
  });

  it('is not disturbed by a follower that leaves', async () => {
    const { proxy, responses } = await held();
    const leader = call(proxy.url);
    await until(() => responses.length === 1);
    const follower = begin(proxy.url);
    await until(() => proxy.connections.total === 2);
    follower.destroy();
    await until(() => proxy.connections.open === 1);
    responses[0]?.end('fine');
    expect((await leader).text).to.equal('fine');
  });

  it('has the next one try when the request fails, one at a time', async () => {
    const setup = await held();
    const { proxy, responses, upstream } = setup;
    const calls = Array.from({ length: 4 }, () => call(proxy.url));
    await until(() => proxy.connections.total === 4);
    await until(() => responses.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    responses[0]?.writeHead(503).end();
    await until(() => responses.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(responses).to.have.length(2);
    responses[1]?.end('good');
    const got = (await Promise.all(calls)).map(({ status }) => status).sort();
    expect(got).to.deep.equal([200, 200, 200, 503]);
    expect(upstream.requests).to.have.length(2);
  });

  it('cuts off all streams when the upstream breaks off, and stores nothing', async () => {
    const setup = await held();
    const { proxy, responses } = setup;
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    responses[0]?.write('half');
    const [a, b] = [await headOf(leader), await open(proxy.url)];
    const endings = [endingOf(a.res), endingOf(b.res)];
    responses[0]?.destroy();
    expect((await Promise.all(endings)).map(({ clean }) => clean)).to.deep.equal([false, false]);
    expect(setup.handler.counts().entries).to.equal(0);
  });

  it('sends its own request after coalesceTimeoutMs', async () => {
    const setup = await held({ coalesceTimeoutMs: 50 });
    const { proxy, responses } = setup;
    const slow = call(proxy.url);
    await until(() => responses.length === 1);
    const impatient = call(proxy.url);
    await until(() => responses.length === 2);
    responses[1]?.end('quick');
    expect((await impatient).text).to.equal('quick');
    responses[0]?.end('slow');
    expect((await slow).text).to.equal('slow');
  });

  it('does nothing of the kind where it is turned off', async () => {
    const { proxy, responses } = await held({ coalesce: false });
    const calls = [call(proxy.url), call(proxy.url)];
    await until(() => responses.length === 2);
    for (const res of responses) res.end();
    await Promise.all(calls);
  });

  it('distinguishes requests by what the response varies on', async () => {
    const setup = await held();
    const { proxy, responses } = setup;
    const ask = (accept: string) => call(proxy.url, { headers: { accept } });
    const calls = [ask('a')];
    await until(() => responses.length === 1);
    calls.push(ask('a'), ask('b'));
    await until(() => proxy.connections.total === 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    responses[0]?.writeHead(200, { vary: 'accept' }).end('for a');
    await until(() => responses.length === 2);
    responses[1]?.writeHead(200, { vary: 'accept' }).end('for b');
    expect((await Promise.all(calls)).map(({ text }) => text)).to.deep.equal(['for a', 'for a', 'for b']);
    expect(misses(setup)).to.equal(2);
  });

  it('shares a body that turns out to be too large to store', async () => {
    const setup = await held({ maxEntryBytes: 100_000 });
    const { proxy, responses, handler, upstream } = setup;
    const leader = begin(proxy.url);
    await until(() => responses.length === 1);
    responses[0]?.write('x'.repeat(60_000));
    const [a, b] = [await headOf(leader), await open(proxy.url)];
    responses[0]?.write('y'.repeat(60_000));
    responses[0]?.end('z'.repeat(60_000));
    const bodies = await Promise.all([responseOf(a), responseOf(b)]);
    expect(bodies.map(({ body }) => body.length)).to.deep.equal([180_000, 180_000]);
    expect(handler.counts().entries).to.equal(0);
    expect(upstream.requests).to.have.length(1);
  });
});
