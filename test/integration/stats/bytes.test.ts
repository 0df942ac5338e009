import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import { type ResilientProxy, resilientProxy } from '../../../lib/resilient-proxy.js';
import type { Figures } from '../../../lib/stats/stats-source.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { http2Client, serveHttp2 } from '../../support/http2.js';
import { serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { silence, startUpstream, text } from '../../support/upstream.js';
import { figuresOf } from './testing.js';

/** One API, `x`, with statistics; closed after the test. */
async function startProxy(
  options: ApiOptions,
): Promise<{ url: string; counted(calls: number): Promise<Figures> }> {
  const proxy: ResilientProxy = resilientProxy({ name: 'x', retry: false, ...options });
  onCleanup(() => proxy.close());
  const { stats } = proxy;
  if (!stats) throw new Error('The statistics are on unless they are turned off');
  const { url } = await serveApp(proxy);
  return { url, counted: (calls) => figuresOf(stats, calls, 'x') };
}

describe('the bytes that resilientProxy() counts', () => {
  it('are those that clients get, even of a stored response in place of a failure', async () => {
    let fails = false;
    const upstream = await startUpstream((req, res) => {
      const headers = { etag: '"1"', 'cache-control': 'max-age=0, stale-if-error=600' };
      if (fails) res.writeHead(503).end('x'.repeat(5000));
      else if (req.headers['if-none-match']) res.writeHead(304, headers).end();
      else res.writeHead(200, headers).end('hello');
    });
    const { url, counted } = await startProxy({ target: upstream.url, cache: { mode: 'standard' } });
    for (const calls of [1, 2, 3]) {
      fails = calls === 3;
      expect((await call(url)).text).to.equal('hello');
      expect(await counted(calls)).to.include({ bytesOut: 5 * calls });
    }
    expect((await counted(3)).cache).to.deep.equal({ miss: 1, revalidated: 1, stale: 1 });
  });

  for (const transport of ['undici', 'node'] as const) {
    it(`are counted both ways by the ${transport} transport, with and without a Content-Length`, async () => {
      const upstream = await startUpstream((_req, res) => {
        res.write('a'.repeat(700));
        res.end('b'.repeat(800));
      });
      const { url, counted } = await startProxy({ target: upstream.url, transport });
      const body = 'x'.repeat(300);
      await call(url, { method: 'POST', body });
      await call(url, { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } });
      const { bytesIn, bytesOut, timeToFirstByte } = await counted(2);
      expect([bytesIn, bytesOut, timeToFirstByte.count]).to.deep.equal([600, 3000, 2]);
    });
  }

  it('include those of a listener that responds in place of the target', async () => {
    const upstream = await startUpstream(text('original'));
    const { url, counted } = await startProxy({
      target: upstream.url,
      selfHandleResponse: true,
      on: {
        proxyRes(proxyRes, _req, res) {
          proxyRes.resume();
          (res as ServerResponse).end('own');
        },
      },
    });
    expect((await call(url)).text).to.equal('own');
    expect(await counted(1)).to.include({ bytesOut: 3 });
  });

  for (const transport of ['undici', 'node'] as const) {
    it(`include those of refusals, and of responses that break off, with the ${transport} transport`, async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-length': 5000 }).write('x'.repeat(1000), () => res.destroy());
      });
      const { url, counted } = await startProxy({
        target: upstream.url,
        transport,
        breaker: { failureThreshold: 1 },
      });
      await call(url).then(
        () => expect.fail('it broke off'),
        () => {},
      );
      expect(await counted(1)).to.include({ bytesOut: 1000 });
      await upstream.close();
      const { text: refusal } = await call(url);
      expect(JSON.parse(refusal)).to.have.property('code');
      expect(await counted(2)).to.include({ bytesOut: 1000 + refusal.length });
      expect((await call(url, { method: 'HEAD' })).status).to.be.above(499);
      expect(await counted(3)).to.include({ bytesOut: 1000 + refusal.length });
    });
  }

  it('are those that have come where a client of HTTP/2 breaks its upload off, whatever length it has announced', async () => {
    const upstream = await startUpstream(silence);
    const proxy = resilientProxy({ name: 'x', target: upstream.url });
    onCleanup(() => proxy.close());
    const { url } = await serveHttp2(proxy);
    const upload = http2Client(url).request({ ':method': 'POST', ':path': '/', 'content-length': '1000' });
    upload.on('error', () => {}).write('0123456789');
    await until(() => upstream.requests.length === 1, 'the upload to begin');
    upload.destroy();
    expect((await figuresOf(proxy.stats, 1, 'x')).bytesIn).to.equal(10);
  });
});
