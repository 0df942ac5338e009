import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { cutOff, hangUp, json, silence, status, text } from '../../../lib/testing/responses.js';
import { serve } from '../../../lib/testing/serve.js';
import { startUpstream } from '../../../lib/testing/upstream.js';
import { onCleanup } from '../../support/cleanup.js';

for (const transport of ['undici', 'node'] as const) {
  describe(`startUpstream() behind a proxy on the transport ${transport}`, () => {
    async function start(...responses: Parameters<typeof startUpstream>) {
      const upstream = await startUpstream(...responses);
      const proxy = resilientProxy({
        ...{ name: 'weather', target: upstream.url, transport },
        ...{ retry: { initialDelayMs: 1 }, breaker: { requestTimeoutMs: 100 } },
      });
      const server = await serve(proxy);
      onCleanup(() => Promise.all([server.close(), proxy.close(), upstream.close()]));
      const get = (path: string, init?: RequestInit) => fetch(server.url + path, init);
      return { upstream, proxy, get };
    }

    it('responds in turn, and by the last response to all further requests', async () => {
      const { upstream, get } = await start(
        status(503),
        hangUp,
        json({ ok: true }, 201, { 'x-a': ['1', '2'] }),
      );
      const first = await get('/berlin?day=1');
      expect([first.status, await first.json(), first.headers.get('x-a')]).to.deep.equal([
        201,
        { ok: true },
        '1, 2',
      ]);
      expect((await get('/paris')).status).to.equal(201);
      expect(upstream.lines).to.deep.equal([
        'GET /berlin?day=1',
        'GET /berlin?day=1',
        'GET /berlin?day=1',
        'GET /paris',
      ]);
    });

    it('keeps what it has received', async () => {
      const { upstream, get } = await start();
      await get('/notes', { method: 'POST', body: 'grüße', headers: { 'X-Note': 'a' } });
      const [request] = upstream.requests;
      expect(request).to.include({ method: 'POST', url: '/notes', body: 'grüße' });
      expect(request?.headers).to.include({ 'x-note': 'a' });
      upstream.clear();
      expect(upstream.requests).to.deep.equal([]);
    });

    it('responds otherwise when it is told to', async () => {
      const { upstream, get } = await start(status(204));
      expect((await get('/')).status).to.equal(204);
      upstream.respond(status(404), text('found'));
      expect((await get('/')).status).to.equal(404);
      expect(await (await get('/')).text()).to.equal('found');
    });

    it('breaks off in a body', async () => {
      const { get } = await start(cutOff('half'));
      const response = await get('/');
      expect(response.status).to.equal(200);
      expect(await response.text().catch(() => 'broken off')).to.equal('broken off');
    });

    it('stays silent until a timeout, and tells what has arrived', async () => {
      const { upstream, get } = await start(silence);
      const response = get('/');
      await upstream.received(1);
      expect(upstream.lines).to.deep.equal(['GET /']);
      expect((await response).status).to.equal(504);
    });
  });
}
