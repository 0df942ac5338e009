import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { onCleanup } from '../../support/cleanup.js';
import { http2Call, http2Client, serveHttp2 } from '../../support/http2.js';
import { until } from '../../support/until.js';

describe('cache() behind HTTP/2', () => {
  it('keeps authorities apart, in what it requests in the background too', async () => {
    const handler = cache({ ttlMs: 60_000 });
    onCleanup(() => handler.close());
    const app = pipeline([handler, (req, res) => void res.end(`page of ${req.headers.host}`)]);
    const { url } = await serveHttp2((req, res) => app(req, res, () => res.end('none')));
    const client = http2Client(url);
    const get = (authority: string, method = 'GET') =>
      http2Call(client, { ':path': '/', ':method': method, ':authority': authority });
    for (const authority of ['a.example', 'b.example', 'a.example'])
      expect((await get(authority)).text).to.equal(`page of ${authority}`);
    expect(handler.counts()).to.include({ hits: 1, misses: 2 });
    // A HEAD is made a GET in the background, whose response is for that authority as well.
    await get('c.example', 'HEAD');
    await until(() => handler.counts().entries === 3);
    expect((await get('c.example')).text).to.equal('page of c.example');
  });
});
