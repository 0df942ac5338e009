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

    it('responds 500 where a scripted response throws, and passes the error on to the test runner', async () => {
      const { upstream, get } = await start(() => {
        throw new Error('a mistake');
      });
      const listeners = process.rawListeners('unhandledRejection') as NodeJS.UnhandledRejectionListener[];
      process.removeAllListeners('unhandledRejection');
      onCleanup(() => {
        for (const listener of listeners) process.on('unhandledRejection', listener);
      });
      const passedOn = new Promise<unknown>((resolve) => process.once('unhandledRejection', resolve));
      const response = await get('/berlin', { method: 'POST' });
      expect([response.status, await response.text()]).to.deep.equal([
        500,
        'A scripted response has failed: Error: a mistake',
      ]);
      expect(await passedOn).to.have.property('message', 'a mistake');
      expect(upstream.lines).to.deep.equal(['POST /berlin']);
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

describe('what is no function', () => {
  const wrong = 503 as unknown as Parameters<typeof startUpstream>[0];

  it('is refused as a response', async () => {
    const message = 'A response must be a function, as status(503) returns; received 503';
    const upstream = await startUpstream();
    onCleanup(() => upstream.close());
    expect(() => upstream.respond(wrong)).to.throw(TypeError, message);
    const error = await startUpstream(wrong).catch((thrown: unknown) => thrown);
    expect(error).to.be.an.instanceof(TypeError).with.property('message', message);
  });

  it('is refused as a handler', async () => {
    const error = await serve(wrong as never).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('message', 'serve() takes a function; received 503');
  });
});
