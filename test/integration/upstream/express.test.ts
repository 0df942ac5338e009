import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import express from 'express';
import { call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { type Served, serveApp } from '../../support/serve.js';
import { json, startUpstream, status } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() behind Express, transport ${transport}`, () => {
    /** An upstream, and an application with the given middlewares in front of `forward()`. */
    const start = async (...stages: express.RequestHandler[]) => {
      const upstream = await startUpstream(json({ ok: true }));
      const app = express().set('env', 'test');
      if (stages.length > 0) app.use(...stages);
      app.use(openForward({ target: upstream.url, transport }));
      return { upstream, served: await serveApp(app) };
    };
    const post = (served: Served, type: string, body: string | Buffer, more: Record<string, string> = {}) =>
      call(served.url, { method: 'POST', body, headers: { 'content-type': type, ...more } });

    it('sends a body again that express.json() has read, with its new length', async () => {
      const { upstream, served } = await start(express.json());
      const response = await post(served, 'application/json; charset=utf-8', '{ "name" : "Zoë" }', {
        'x-kept': '1',
      });
      expect(response.status).to.equal(200);
      const [request] = upstream.requests;
      expect(request?.body.toString()).to.equal('{"name":"Zoë"}');
      expect(request?.headers).to.include({
        'content-length': '15',
        'content-type': 'application/json; charset=utf-8',
        'x-kept': '1',
      });
      expect(request?.headers).to.not.have.property('transfer-encoding');
    });

    it('sends what a handler made of a parsed body', async () => {
      const { upstream, served } = await start(express.json(), (req, _res, next) => {
        req.body = { ...req.body, added: true };
        next();
      });
      await post(served, 'application/vnd.api+json', '{}');
      await post(served, 'application/json', '{"a":1}');
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal([
        '{}',
        '{"a":1,"added":true}',
      ]);
    });

    for (const [text, kind] of [
      ['[1,2]', 'an array'],
      ['0', 'zero'],
      ['false', 'false'],
      ['null', 'null'],
    ] as const) {
      it(`sends ${kind} as JSON again`, async () => {
        const { upstream, served } = await start(express.json({ strict: false }));
        expect((await post(served, 'application/json', text)).status).to.equal(200);
        expect(upstream.requests[0]?.body.toString()).to.equal(text);
      });
    }

    it('sends JSON that was read as text as it is', async () => {
      const { upstream, served } = await start(express.text({ type: '*/*' }));
      await post(served, 'application/json', '{ "a": 1 }');
      expect(upstream.requests[0]?.body.toString()).to.equal('{ "a": 1 }');
    });

    it('drops the coding of a body that was compressed', async () => {
      const { upstream, served } = await start(express.json());
      await post(served, 'application/json', gzipSync('{"a":1}'), { 'content-encoding': 'gzip' });
      expect(upstream.requests[0]?.body.toString()).to.equal('{"a":1}');
      expect(upstream.requests[0]?.headers).to.not.have.property('content-encoding');
    });

    it('sends a form again that express.urlencoded() has read', async () => {
      const { upstream, served } = await start(express.urlencoded({ extended: true }));
      const form = 'a=1&b=two+words&c%5Bd%5D=%C3%A9&e=1&e=2';
      await post(served, 'application/x-www-form-urlencoded', form);
      const [request] = upstream.requests;
      expect(decodeURIComponent(request?.body.toString() ?? '')).to.equal(decodeURIComponent(form));
      expect(request?.headers['content-length']).to.equal(String(request?.body.length));
    });

    it('sends a text and raw bytes again that Express has read', async () => {
      const { upstream, served } = await start(express.text(), express.raw({ type: 'application/x-bytes' }));
      await post(served, 'text/plain', 'héllo');
      await post(served, 'application/x-bytes', Buffer.from([0, 255, 13, 10]));
      expect(upstream.requests[0]?.body.toString()).to.equal('héllo');
      expect(upstream.requests[1]?.body).to.deep.equal(Buffer.from([0, 255, 13, 10]));
      expect(upstream.requests.map(({ headers }) => headers['content-length'])).to.deep.equal(['6', '4']);
    });

    it('prefers the bytes on req.rawBody, which keep a signature valid', async () => {
      const { upstream, served } = await start(
        express.json({ verify: (req, _res, buffer) => void Object.assign(req, { rawBody: buffer }) }),
      );
      await post(served, 'application/json', '{ "a" : 1 }');
      expect(upstream.requests[0]?.body.toString()).to.equal('{ "a" : 1 }');
    });

    it('streams a body that a parser left alone', async () => {
      const { upstream, served } = await start(express.json());
      await post(served, 'text/csv', 'a,b');
      expect(upstream.requests[0]?.body.toString()).to.equal('a,b');
    });

    it('sends no body if there is none, whatever a parser left', async () => {
      const { upstream, served } = await start(express.json(), (req, _res, next) => {
        req.body ??= {};
        next();
      });
      expect((await call(served.url)).status).to.equal(200);
      expect(upstream.requests[0]).to.include({ bytes: 0, complete: true });
      expect(upstream.requests[0]?.headers).to.not.have.any.keys('content-length', 'transfer-encoding');
    });

    it('fails with ERR_BODY_CONSUMED instead of hanging if a body was read and not kept', async () => {
      const { upstream, served } = await start((req, _res, next) => {
        req.resume().on('end', () => next());
      });
      const response = await post(served, 'text/plain', 'lost');
      expect(response.status).to.equal(500);
      expect(response.text).to.include('The request body was read before it reached the proxy');
      expect(upstream.requests).to.have.length(0);
    });

    it('keeps headers set before it: Vary and cookies are combined, the others are the target’s', async () => {
      const upstream = await startUpstream(
        status(200, {
          vary: 'Accept',
          'set-cookie': ['t=1', 't=2'],
          'x-both': 'target',
          link: ['</a>', '</b>'],
        }),
      );
      const app = express();
      app.use((_req, res, next) => {
        res.append('Vary', 'Origin');
        res.set('Access-Control-Allow-Origin', 'https://page.example');
        res.append('Set-Cookie', 'app=1').append('Set-Cookie', 'app=2');
        res.set('X-Both', 'app');
        next();
      });
      app.use(openForward({ target: upstream.url, transport }));
      const response = await call((await serveApp(app)).url);

      expect(response.lines('x-powered-by')).to.deep.equal(['Express']);
      expect(response.lines('access-control-allow-origin')).to.deep.equal(['https://page.example']);
      expect(response.lines('vary').join(', ')).to.equal('Origin, Accept');
      expect(response.lines('set-cookie')).to.deep.equal(['app=1', 'app=2', 't=1', 't=2']);
      expect(response.lines('x-both')).to.deep.equal(['target']);
      expect(response.lines('link')).to.deep.equal(['</a>', '</b>']);
    });

    it('lets Express’ own error handler send status and Proxy-Status', async () => {
      const app = express()
        .set('env', 'test')
        .use(openForward({ target: `http://127.0.0.1:${await unusedPort()}`, transport }));
      const response = await call((await serveApp(app)).url);
      expect(response.status).to.equal(502);
      expect(response.headers['proxy-status']).to.equal('resilient-proxy-out; error=connection_refused');
    });

    it('passes its error to on.error and, unless that has responded, to next()', async () => {
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const codes: unknown[] = [];
      const listening = await startForward({
        target,
        transport,
        on: { error: (error) => void codes.push(Reflect.get(error, 'code')) },
      });
      expect((await call(listening.url)).status).to.equal(502);
      expect(codes).to.deep.equal(['ERR_UPSTREAM_CONNECT']);
      expect(listening.errors).to.have.length(1);

      const responding = await startForward({
        target,
        transport,
        on: {
          error: (_error, _req, res) => {
            if ('writeHead' in res) res.writeHead(418).end('mine');
          },
        },
      });
      const response = await call(responding.url);
      expect(response).to.include({ status: 418, text: 'mine' });
      expect(responding.errors).to.deep.equal([]);
    });
  });
}
