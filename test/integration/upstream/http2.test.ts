import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Agent, get } from 'node:https';
import { expect } from 'chai';
import express from 'express';
import type { Handler } from '../../../lib/core/exchange.js';
import { sendError } from '../../../lib/core/send-error.js';
import { resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { headOf, responseOf, valuesOf } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { http2Call, http2Client, serveHttp2 } from '../../support/http2.js';
import { credentials } from '../../support/tls.js';
import { eventOf, until } from '../../support/until.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';
import { viewOf } from '../stats/testing.js';

/** Tells what it got, when all of it has come. */
const told: UpstreamResponse = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    res.setHeader('Set-Cookie', ['a=1', 'b=2']).setHeader('Connection', 'keep-alive').statusMessage = 'Fine';
    res.end(`${req.method} ${req.url} [${Buffer.concat(chunks)}]`);
  });
};

const handled = (handler: Handler) =>
  serveHttp2((req, res) => handler(req, res, (error) => sendError(req, res, error)));

for (const transport of TRANSPORTS) {
  describe(`forward() behind HTTP/2 (RFC 9113 §8), transport ${transport}`, () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    beforeEach(() => {
      warnings.length = 0;
      process.on('warning', onWarning);
    });
    afterEach(() => void process.off('warning', onWarning));

    const start = async (response: UpstreamResponse = told, options = {}) => {
      const upstream = await startUpstream(response);
      const { url } = await handled(openForward({ target: upstream.url, transport, ...options }));
      return { upstream, client: http2Client(url), url };
    };

    it('ends the call whose client has reset its stream, and counts it as left', async () => {
      const upstream = await startUpstream((_req, res) => void res.writeHead(200).write('first'));
      const proxy = resilientProxy({ name: 'api', target: upstream.url, transport });
      onCleanup(() => proxy.close());
      const { url } = await serveHttp2((req, res) => proxy(req, res));
      const stream = http2Client(url).request({ ':path': '/' });
      stream.on('error', () => {});
      await eventOf(stream, 'data');
      expect(upstream.connections.open).to.equal(1);
      stream.close(constants.NGHTTP2_CANCEL);
      await until(() => upstream.connections.open === 0, 'the end of the call to the target');
      const { figures } = await viewOf(proxy.stats, 1, 'api');
      expect(figures.outcomes).to.include({ success: 0, aborted: 1 });
    });

    it('sends no pseudo-headers, and the authority as Host', async () => {
      const { upstream, client } = await start(told, { xfwd: true });
      const response = await http2Call(client, {
        ':path': '/p?q',
        ':authority': 'a.example:8443',
        'x-one': '1',
      });
      expect(response).to.include({ status: 200, text: 'GET /p?q []' });
      const [got] = upstream.requests;
      expect(got?.rawHeaders.filter((name) => name.startsWith(':'))).to.deep.equal([]);
      expect(got?.headers).to.include({ host: 'a.example:8443', 'x-one': '1' });
      expect(got?.headers).to.include({ 'x-forwarded-host': 'a.example:8443', 'x-forwarded-port': '8443' });
      expect(got?.headers.via).to.match(/^2\.0 resilient-proxy-out-/);
      expect(got?.headers).to.not.have.any.keys('transfer-encoding', 'content-length');
    });

    it('sends a body that has no framing headers', async () => {
      const { upstream, client } = await start();
      const posted = await http2Call(client, { ':method': 'POST', ':path': '/p' }, 'body');
      expect(posted).to.include({ status: 200, text: 'POST /p [body]' });
      const put = await http2Call(client, { ':method': 'PUT', ':path': '/p', 'content-length': '4' }, 'body');
      expect(put.text).to.equal('PUT /p [body]');
      expect(upstream.requests.map(({ headers }) => headers['content-length'])).to.deep.equal([
        undefined,
        '4',
      ]);
      expect((await http2Call(client, { ':method': 'DELETE', ':path': '/p' })).text).to.equal('DELETE /p []');
    });

    it('sends every line of a response, and nothing that HTTP/2 has not', async () => {
      const { client } = await start();
      const { headers } = await http2Call(client, { ':path': '/' });
      expect(headers['set-cookie']).to.deep.equal(['a=1', 'b=2']);
      expect(headers.via).to.equal('1.1 resilient-proxy-out');
      expect(headers).to.not.have.any.keys('connection', 'keep-alive', 'transfer-encoding');
      await new Promise(setImmediate);
      expect(warnings).to.deep.equal([]);
    });

    it('joins the cookies of a request', async () => {
      const { upstream, client } = await start();
      await http2Call(client, { ':path': '/', cookie: ['a=1', 'b=2'] });
      expect(valuesOf(upstream.requests[0]?.rawHeaders ?? [], 'cookie')).to.deep.equal(['a=1; b=2']);
    });

    it('keeps statuses without a body, and HEAD', async () => {
      const { client } = await start((req, res) => {
        res.statusCode = Number(req.url?.slice(1));
        if (res.statusCode === 200) res.setHeader('Content-Length', 5);
        res.end();
      });
      for (const status of [204, 304]) {
        expect(await http2Call(client, { ':path': `/${status}` })).to.include({ status, text: '' });
      }
      const head = await http2Call(client, { ':path': '/200', ':method': 'HEAD' });
      expect(head.headers).to.include({ 'content-length': '5' });
    });

    it('streams large bodies both ways', async () => {
      const { client } = await start((req, res) => void req.pipe(res));
      const body = Buffer.alloc(3_000_000, 'abcdefghij');
      const { body: echoed } = await http2Call(client, { ':method': 'POST', ':path': '/' }, body);
      expect(echoed.equals(body)).to.equal(true);
    });

    it('passes trailers and interim responses on', async () => {
      const { client } = await start((_req, res) => {
        res.writeProcessing();
        res.writeEarlyHints({ link: '</a.css>; rel=preload' });
        res.writeHead(200, { Trailer: 'X-Sum' });
        res.write('body');
        res.addTrailers({ 'X-Sum': '1' });
        res.end();
      });
      const { text, trailers } = await http2Call(client, { ':path': '/' });
      expect({ text, sum: trailers['x-sum'] }).to.deep.equal({ text: 'body', sum: '1' });
    });

    it('ends the call when its client resets the stream', async () => {
      const { upstream, client } = await start(() => {});
      const stream = client.request({ ':path': '/' });
      stream.on('error', () => {});
      await until(() => upstream.requests.length === 1, 'the request');
      stream.close(8);
      await until(() => upstream.connections.open === 0, 'the connection of the attempt to close');
    });

    it('resets the stream with an error when the response breaks off (RFC 9113 §8.1)', async () => {
      const { client } = await start((_req, res) => {
        res.writeHead(200);
        res.write('a part', () => res.destroy());
      });
      const stream = client.request({ ':path': '/' });
      const error = await eventOf<{ code: string }>(stream.resume(), 'error');
      expect(error.code).to.equal('ERR_HTTP2_STREAM_ERROR');
      expect(stream.rstCode).to.equal(constants.NGHTTP2_INTERNAL_ERROR);
    });

    it('responds with errors, in the middle of an upload too', async () => {
      const { url } = await handled(openForward({ target: 'http://127.0.0.1:1', transport }));
      const client = http2Client(url);
      expect((await http2Call(client, { ':path': '/' })).status).to.equal(502);
      const refused = await http2Call(client, { ':path': '/../x', ':method': 'POST' }, Buffer.alloc(200_000));
      expect(refused.status).to.equal(400);
      const other = await http2Call(client, { ':path': '/', ':authority': 'a', host: 'b' });
      expect(other.status).to.equal(400);
      await new Promise(setImmediate);
      expect(warnings).to.deep.equal([]);
    });

    it('serves resilientProxy() with a cache', async () => {
      let count = 0;
      const upstream = await startUpstream((req, res) => {
        req.resume().on('end', () => {
          res.setHeader('Cache-Control', 'max-age=60').setHeader('Vary', ['X-One', 'X-Two']);
          res.end(`${req.method} ${++count}`);
        });
      });
      const apis = {
        x: { target: `${upstream.url}/v2`, transport, cache: { mode: 'standard' as const }, explain: true },
      };
      const proxy = resilientProxy({ apis });
      onCleanup(() => proxy.close());
      const client = http2Client((await serveHttp2(proxy)).url);
      const first = await http2Call(client, { ':path': '/x/a' });
      const second = await http2Call(client, { ':path': '/x/a' });
      expect([first.text, second.text]).to.deep.equal(['GET 1', 'GET 1']);
      expect(second.headers['cache-status']).to.match(/hit/);
      expect((await http2Call(client, { ':path': '/x/a', ':method': 'POST' }, 'body')).text).to.equal(
        'POST 2',
      );
      expect((await http2Call(client, { ':path': '/x/a' })).text).to.equal('GET 3');
      expect((await http2Call(client, { ':path': '/nosuch/a' })).status).to.equal(404);
      expect(upstream.requests[1]?.body.toString()).to.equal('body');
    });

    it('keeps what is stored for all headers free of the pseudo-headers', async () => {
      const upstream = await startUpstream((_req, res) => void res.end('ok'));
      const proxy = resilientProxy({
        name: 'x',
        target: upstream.url,
        transport,
        cache: { headerStrategy: 'all' },
      });
      onCleanup(() => proxy.close());
      const { url } = await serveHttp2(proxy);
      for (const authority of ['a.example', 'b.example']) {
        await http2Call(http2Client(url), { ':path': '/', ':authority': authority });
      }
      expect(upstream.requests).to.have.length(1);
    });

    it('serves an Express application, clients of HTTP/1.1 included', async () => {
      const upstream = await startUpstream(told);
      const proxy = resilientProxy({ apis: { x: { target: upstream.url, transport } } });
      onCleanup(() => proxy.close());
      const apps = [express(), express()].map((app) => app.use('/api', proxy));
      const [, second] = apps;
      // Express makes its requests and responses from those of HTTP/1 unless it is told otherwise.
      Object.setPrototypeOf(second?.request, Http2ServerRequest.prototype);
      Object.setPrototypeOf(second?.response, Http2ServerResponse.prototype);
      const { url } = await serveHttp2(
        (req, res) => apps[req.httpVersionMajor - 1]?.(req as never, res as never),
        credentials(),
      );
      const posted = await http2Call(http2Client(url), { ':path': '/api/x/p', ':method': 'POST' }, 'body');
      expect(posted).to.include({ status: 200, text: 'POST /p [body]' });
      const agent = new Agent({ rejectUnauthorized: false });
      onCleanup(() => agent.destroy());
      const old = await responseOf(await headOf(get(`${url}/api/x/p`, { agent })));
      expect(old.text).to.equal('GET /p []');
    });
  });
}
