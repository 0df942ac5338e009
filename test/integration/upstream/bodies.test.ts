import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import express from 'express';
import { createProxyMiddleware, fixRequestBody } from 'http-proxy-middleware';
import { retry } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { type CallOptions, call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { serveApp } from '../../support/serve.js';
import { json, startUpstream, status } from '../../support/upstream.js';

const FORM = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n';

/** The parser in front of the proxy for each body. Multipart is left as `multer` and the like leave it. */
const parser = express.Router();
parser.use(express.json(), express.urlencoded({ extended: true }), express.text(), (req, _res, next) => {
  if (!req.is('multipart/*')) return next();
  req.on('end', () => {
    req.body = { a: '1' };
    next();
  });
  req.resume();
});

interface Posted extends CallOptions {
  body: string | Buffer;
}

const BODIES: Record<string, Posted> = {
  json: { headers: { 'content-type': 'application/json' }, body: '{"a": [1, 2]}' },
  'json without a value': { headers: { 'content-type': 'application/json' }, body: '{}' },
  'a form': { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1&b=two%20words' },
  text: { headers: { 'content-type': 'text/plain' }, body: 'plain text' },
  multipart: { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: FORM },
  'compressed json': {
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: gzipSync('{"a":1}'),
  },
};

async function bothWays(options: (target: string) => ForwardOptions, request: Posted) {
  const upstream = await startUpstream(json({ ok: true }));
  const app = express().set('env', 'test');
  app.use(parser);
  app.use(
    '/plain',
    createProxyMiddleware(options(upstream.url) as Parameters<typeof createProxyMiddleware>[0]),
  );
  app.use('/ours', openForward(options(upstream.url)));
  const { url } = await serveApp(app);
  const sent = {
    method: 'POST',
    ...request,
    headers: { 'content-length': Buffer.byteLength(request.body), ...request.headers },
  };
  const responses = [];
  for (const path of ['plain', 'ours']) responses.push(await call(`${url}/${path}`, sent));
  return { upstream, responses };
}

describe('forward() with fixRequestBody', () => {
  for (const [kind, request] of Object.entries(BODIES)) {
    it(`sends ${kind} as http-proxy-middleware does`, async () => {
      const { upstream, responses } = await bothWays(
        (target) => ({ target, on: { proxyReq: fixRequestBody } }),
        request,
      );
      expect(responses.map(({ status }) => status)).to.deep.equal([200, 200]);
      const [plain, ours] = upstream.requests;
      expect(ours?.body.toString('latin1')).to.equal(plain?.body.toString('latin1'));
      for (const name of ['content-type', 'content-length', 'content-encoding', 'transfer-encoding']) {
        expect(ours?.headers[name], name).to.equal(plain?.headers[name]);
      }
    });
  }

  it('writes the body again for each attempt', async () => {
    const upstream = await startUpstream([status(503), json({ ok: true })]);
    const app = express().set('env', 'test');
    app.use(express.json(), retry({ methods: ['POST'], initialDelayMs: 1 }));
    app.use(openForward({ target: upstream.url, on: { proxyReq: fixRequestBody } }));
    const { url } = await serveApp(app);
    const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    expect((await call(url, request)).status).to.equal(200);
    expect(upstream.requests.map(({ body }) => `${body}`)).to.deep.equal(['{"a":1}', '{"a":1}']);
  });

  it('writes it once to a redirect that keeps the method', async () => {
    const upstream = await startUpstream([status(307, { location: '/there' }), json({ ok: true })]);
    const app = express().set('env', 'test');
    app.use(express.json());
    app.use(openForward({ target: upstream.url, followRedirects: true, on: { proxyReq: fixRequestBody } }));
    const { url } = await serveApp(app);
    const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    expect((await call(url, request)).status).to.equal(200);
    expect(upstream.requests.map(({ body }) => `${body}`)).to.deep.equal(['{"a":1}', '{"a":1}']);
  });

  it('refuses form fields that would break out of a multipart body: 400', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const app = express().set('env', 'test');
    app.use((req, _res, next) => {
      req.on('end', () => next()).resume();
      Object.assign(req, { body: { 'a\r\nb': '1' } });
    });
    app.use(openForward({ target: upstream.url, on: { proxyReq: fixRequestBody } }));
    const { url } = await serveApp(app);
    expect((await call(url, { method: 'POST', ...BODIES.multipart })).status).to.equal(400);
    expect(upstream.requests).to.have.length(0);
  });

  it('fails if the listener writes no body and the proxy cannot', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const app = express().set('env', 'test');
    app.use(parser, openForward({ target: upstream.url, on: { proxyReq: () => {} } }));
    const { url } = await serveApp(app);
    const response = await call(url, { method: 'POST', ...BODIES.multipart });
    expect(response.status).to.equal(500);
    expect(response.text).to.include('leave it on req.body');
  });
});

for (const transport of TRANSPORTS) {
  describe(`forward() with buffer, transport ${transport}`, () => {
    it('sends the stream that a router sets in place of the body', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const proxy = await startForward({
        target: upstream.url,
        transport,
        router: (_req, _res, options) => {
          options.buffer = Readable.from([Buffer.from('from '), 'elsewhere']);
          return upstream.url;
        },
      });
      for (let i = 0; i < 2; i++) {
        const headers = { 'content-length': 14 };
        expect((await call(proxy.url, { method: 'POST', headers, body: 'x'.repeat(14) })).status).to.equal(
          200,
        );
      }
      expect((await call(proxy.url, { method: 'POST' })).status).to.equal(200);
      expect(upstream.requests.map(({ body }) => `${body}`)).to.deep.equal(Array(3).fill('from elsewhere'));
    });

    it('sends the given one if a parser has read the body, and fails the call once it is used up', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const app = express().set('env', 'test');
      app.use(parser);
      app.use(openForward({ target: upstream.url, transport, buffer: Readable.from([FORM]) }));
      const { url } = await serveApp(app);
      const request = { method: 'POST', ...BODIES.multipart };
      expect((await call(url, request)).status).to.equal(200);
      expect(`${upstream.requests[0]?.body}`).to.equal(FORM);
      const again = await call(url, request);
      expect(again.status).to.equal(500);
      expect(again.text).to.include('The stream given as options.buffer was read before');
    });

    it('fails the call when the stream fails', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const buffer = () =>
        new Readable({
          read() {
            this.destroy(new Error('secret'));
          },
        });
      const proxy = await startForward({
        target: upstream.url,
        transport,
        router: (_req, _res, options) => {
          options.buffer = buffer();
          return upstream.url;
        },
      });
      const response = await call(proxy.url, { method: 'POST' });
      expect(response.status).to.equal(500);
      expect(response.text).to.not.include('secret');
    });

    it('sends it again from what was kept', async () => {
      const upstream = await startUpstream([status(503), json({ ok: true })]);
      const options = { target: upstream.url, transport, buffer: Readable.from(['kept']) };
      const proxy = await startForward(options, retry({ methods: ['POST'], initialDelayMs: 1 }));
      expect((await call(proxy.url, { method: 'POST' })).status).to.equal(200);
      expect(upstream.requests.map(({ body }) => `${body}`)).to.deep.equal(['kept', 'kept']);
    });
  });
}
