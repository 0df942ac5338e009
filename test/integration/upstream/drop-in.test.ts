import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import express from 'express';
import type { Options } from 'http-proxy-middleware';
import { call, keepAliveAgent } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { serveApp } from '../../support/serve.js';
import { until, within } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() in the place of createProxyMiddleware(), transport ${transport}`, () => {
    it('returns a promise that settles when the response has ended', async () => {
      let end = (): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.write('one ');
        end = () => void res.end('two');
      });
      const proxy = openForward({ target: upstream.url, transport });
      const steps: string[] = [];
      const app = await serveApp(async (req, res) => {
        setTimeout(() => end(), 30);
        const value = await proxy(req, res, () => steps.push('next')).then(() => 'value');
        steps.push(value, String(res.writableFinished));
      });
      expect((await call(app.url)).text).to.equal('one two');
      await until(() => steps.length > 0);
      expect(steps).to.deep.equal(['value', 'true']);
    });

    it('settles it with the call of next, and never rejects', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = openForward({ target: upstream.url, transport, pathFilter: '/api' });
      const dead = openForward({ target: 'http://127.0.0.1:1', transport });
      const steps: unknown[] = [];
      const app = await serveApp(async (req, res) => {
        await proxy(req, res, (error) => steps.push(error));
        await dead(req, res, (error) => steps.push(Reflect.get(Object(error), 'code')));
        res.end('mine');
      });
      expect((await call(app.url)).text).to.equal('mine');
      expect(steps).to.deep.equal([undefined, 'ERR_UPSTREAM_CONNECT']);
    });

    it('needs no next: it responds with the error itself', async () => {
      const dead = openForward({ target: 'http://127.0.0.1:1', transport });
      const app = await serveApp((req, res) => dead(req, res));
      const response = await call(app.url);
      expect([response.status, response.json()]).to.have.nested.property('[1].code', 'ERR_UPSTREAM_CONNECT');
    });

    it('settles where the response had ended before it was awaited', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = openForward({ target: upstream.url, transport });
      const done: string[] = [];
      const app = await serveApp(async (req, res) => {
        const ending = proxy(req, res);
        await new Promise((resolve) => res.on('close', resolve));
        await within(Promise.resolve(ending), 'the promise');
        await ending.finally(() => done.push('finally'));
        await ending.catch(() => done.push('catch'));
        done.push('end');
      });
      await call(app.url);
      await until(() => done.includes('end'));
      expect(done).to.deep.equal(['finally', 'end']);
    });

    it('gives its functions the options as they were written', async () => {
      const upstream = await startUpstream(text('up'));
      const seen: unknown[] = [];
      const router: Options['router'] = (_req, _res, { target }) => {
        seen.push(target);
        return upstream.url;
      };
      const plugin = (_server: unknown, { target }: Options): void => void seen.push(target);
      const proxy = openForward({ target: upstream.url, transport, router, plugins: [plugin] });
      const app = await serveApp((req, res) => proxy(req, res));
      expect((await call(app.url)).text).to.equal('up');
      expect(seen).to.deep.equal([upstream.url, upstream.url]);
    });

    it('accepts http2', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = openForward({ target: upstream.url, transport, http2: true });
      expect((await call((await serveApp((req, res) => proxy(req, res))).url)).text).to.equal('up');
    });

    it('takes calls that came in by no server, with ws: true', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = openForward({ target: upstream.url, transport, ws: true });
      const req = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/' });
      req.push(null);
      const res = new ServerResponse(req);
      const written: Buffer[] = [];
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          written.push(Buffer.from(chunk));
          done();
        },
      });
      // A response uses of its socket only what a writable stream has.
      res.assignSocket(sink as unknown as Socket);
      const ended = new Promise((resolve) => res.on('finish', resolve));
      void proxy(req, res);
      await within(ended, 'the end of the response');
      expect(String(Buffer.concat(written))).to.match(/^HTTP\/1\.1 200 OK[\s\S]*up$/);
    });

    it('lets idle connections go when the server closes that it came by, and serves others on', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = openForward({ target: upstream.url, transport });
      const app = await serveApp((req, res) => proxy(req, res));
      await call(app.url, { agent: keepAliveAgent() });
      expect(upstream.connections.open).to.equal(1);
      await app.close();
      await until(() => upstream.connections.open === 0);
      const other = await serveApp((req, res) => proxy(req, res));
      expect((await call(other.url)).text).to.equal('up');
    });
  });
}

describe('eleven handlers on one server', () => {
  it('add one listener to it, and keep nothing of those that are closed', async () => {
    const upstream = await startUpstream(text('up'));
    const app = express();
    const handlers = Array.from({ length: 12 }, () => openForward({ target: upstream.url }));
    for (const [i, handler] of handlers.entries()) app.use(`/${i}`, handler);
    const server = createServer(app);
    const before = server.listenerCount('close');
    const { port } = await listening(server);
    for (let i = 0; i < 12; i++) await call(`http://127.0.0.1:${port}/${i}`);
    expect(server.listenerCount('close') - before).to.equal(1);
  });
});
