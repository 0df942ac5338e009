import { Agent } from 'node:http';
import { expect } from 'chai';
import { responseInterceptor } from 'http-proxy-middleware';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call } from '../../support/client.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

const start = async (options: (url: string) => ForwardOptions, response = json({ ok: true })) => {
  const upstream = await startUpstream(response);
  return { upstream, proxy: await startForward(options(upstream.url)) };
};

describe('forward() with options that need the node transport', () => {
  it('lets on.proxyReq change the request', async () => {
    const { upstream, proxy } = await start((target) => ({
      target,
      on: { proxyReq: (proxyReq) => proxyReq.setHeader('x-added', '1') },
    }));
    expect((await call(proxy.url)).status).to.equal(200);
    expect(upstream.requests[0]?.headers).to.have.property('x-added', '1');
  });

  it('answers 500 when on.proxyReq throws', async () => {
    const { proxy } = await start((target) => ({
      target,
      on: {
        proxyReq: () => {
          throw new Error('secret');
        },
      },
    }));
    const response = await call(proxy.url);
    expect(response.status).to.equal(500);
    expect(response.text).to.include('ERR_INTERNAL').and.not.include('secret');
  });

  it('lets on.proxyRes change the response', async () => {
    const { proxy } = await start(
      (target) => ({
        target,
        on: {
          proxyRes: (proxyRes) => {
            proxyRes.headers['x-added'] = '1';
            delete proxyRes.headers['x-secret'];
          },
        },
      }),
      status(200, { 'x-secret': '1' }),
    );
    const response = await call(proxy.url);
    expect(response.headers).to.have.property('x-added', '1');
    expect(response.headers).to.not.have.property('x-secret');
  });

  it('does not crash when on.proxyRes throws', async () => {
    const { proxy } = await start((target) => ({
      target,
      on: {
        proxyRes: () => {
          throw new Error('secret');
        },
      },
    }));
    const response = await call(proxy.url);
    expect(response.status).to.equal(500);
    expect(response.text).to.not.include('secret');
  });

  it('leaves the response to responseInterceptor with selfHandleResponse', async () => {
    const { proxy } = await start(
      (target) => ({
        target,
        selfHandleResponse: true,
        on: { proxyRes: responseInterceptor(async (buffer) => buffer.toString().toUpperCase()) },
      }),
      text('hello', { 'set-cookie': ['a=1', 'b=2'] }),
    );
    const response = await call(proxy.url);
    expect(response).to.include({ status: 200, text: 'HELLO' });
    expect(response.lines('content-length')).to.deep.equal(['5']);
    expect(response.lines('set-cookie')).to.deep.equal(['a=1', 'b=2']);
  });

  it('follows redirects within the origin with followRedirects', async () => {
    const upstream = await startUpstream([status(302, { location: '/there' }), text('arrived')]);
    const proxy = await startForward({ target: upstream.url, followRedirects: true });
    expect((await call(proxy.url)).text).to.equal('arrived');
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/', '/there']);
  });

  it('passes redirects to another origin on, and sends no credentials there', async () => {
    const other = await startUpstream(text('elsewhere'));
    const location = `${other.url}/x`;
    const upstream = await startUpstream([status(302, { location: '/there' }), status(307, { location })]);
    const options = { headers: { 'x-api-key': 'secret' }, auth: 'user:secret' };
    const proxy = await startForward({ target: upstream.url, followRedirects: true, ...options });
    const response = await call(proxy.url, { headers: { cookie: 'session=1' } });
    expect(other.requests).to.have.length(0);
    expect(upstream.requests).to.have.length(2);
    expect(response).to.include({ status: 307 });
    expect(response.headers.location).to.equal(location);
  });

  it('does not crash on a redirect to an invalid URL', async () => {
    const { proxy } = await start(
      (target) => ({ target, followRedirects: true }),
      status(302, { location: 'http://[nonsense' }),
    );
    expect((await call(proxy.url)).status).to.be.oneOf([302, 502]);
  });

  it('rewrites cookies and locations', async () => {
    const upstream = await startUpstream((req, res) => {
      const location = `http://${req.headers.host}/there`;
      res.writeHead(302, { location, 'set-cookie': ['a=1; Domain=api.example; Path=/v2', 'b=2'] }).end();
    });
    const proxy = await startForward({
      target: upstream.url,
      changeOrigin: true,
      cookieDomainRewrite: 'app.example',
      cookiePathRewrite: { '/v2': '/' },
      hostRewrite: 'app.example:80',
    });
    const response = await call(proxy.url);
    expect(response.lines('set-cookie')).to.deep.equal(['a=1; Domain=app.example; Path=/', 'b=2']);
    expect(response.headers.location).to.equal('http://app.example/there');
  });

  it('goes through an agent', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onCleanup(() => agent.destroy());
    const { upstream, proxy } = await start((target) => ({ target, agent }));
    await Promise.all([call(proxy.url), call(proxy.url), call(proxy.url)]);
    expect(upstream.connections.total).to.equal(1);
  });

  it('does not run the listeners of a call that its client left', async () => {
    let count = 0;
    const upstream = await startUpstream((_req, res) => void setTimeout(() => res.end('late'), 50));
    const handler = openForward({ target: upstream.url, on: { proxyRes: () => void count++ } });
    const proxy = await serve(handler);
    const req = begin(proxy.url);
    await until(() => upstream.requests.length === 1);
    req.destroy();
    await until(() => upstream.connections.closed === 1);
    expect(count).to.equal(0);
  });
});
