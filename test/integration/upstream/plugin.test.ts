import { format } from 'node:util';
import { expect } from 'chai';
import { createProxyMiddleware, type Options } from 'http-proxy-middleware';
import { pipeline } from '../../../lib/core/pipeline.js';
import { resiliencePlugin, retry } from '../../../lib/index.js';
import { call } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { startUpstream, status, text } from '../../support/upstream.js';

const start = (options: Options) => {
  const proxy = createProxyMiddleware({
    ...options,
    plugins: [...(options.plugins ?? []), resiliencePlugin()],
  });
  return serve(pipeline([retry({ initialDelayMs: 1 }), (req, res, next) => void proxy(req, res, next)]));
};

describe('resiliencePlugin()', () => {
  it('adds retries to http-proxy-middleware', async () => {
    const upstream = await startUpstream([status(503), text('hello')]);
    expect((await call((await start({ target: upstream.url })).url)).text).to.equal('hello');
  });

  it('leaves the error response to its plugin', async () => {
    const { url } = await start({ target: `http://127.0.0.1:${await unusedPort()}` });
    expect((await call(`${url}/x`)).text).to.match(/^Error occurred while trying to proxy/);
  });

  it('leaves it to a listener of `error`, and passes the error on if that does not respond', async () => {
    const target = `http://127.0.0.1:${await unusedPort()}`;
    let count = 0;
    const responses = await start({
      target,
      on: { error: (_error, _req, res) => void res.end(String(++count)) },
    });
    expect((await call(responses.url)).text).to.equal('1');
    expect(responses.errors).to.deep.equal([]);
    const late = await start({
      target,
      on: {
        error: async (_error, _req, res) => {
          await new Promise(setImmediate);
          res.end('late');
        },
      },
    });
    expect((await call(late.url)).text).to.equal('late');
    expect(late.errors).to.deep.equal([]);
    const listens = await start({ target, on: { error: () => void count++ } });
    expect((await call(listens.url)).status).to.equal(502);
    expect(count).to.equal(2);
  });

  it('uses the node transport if another plugin listens for its events', async () => {
    const upstream = await startUpstream(text('hello'));
    const { url } = await start({
      target: upstream.url,
      plugins: [
        (server) => void server.on('proxyReq', (proxyReq) => void proxyReq.setHeader('x-plugged', 'in')),
        (server) =>
          void server.on('proxyRes', (_proxyRes, _req, res) => void res.setHeader('x-plugged', 'out')),
      ],
    });
    expect((await call(url)).headers).to.have.property('x-plugged', 'out');
    expect(upstream.requests[0]?.headers).to.have.property('x-plugged', 'in');
  });

  for (const [transport, on] of [
    ['undici', {}],
    ['node', { proxyRes: () => {} }],
  ] as const) {
    it(`logs each response once, transport ${transport}`, async () => {
      const lines: string[] = [];
      const write = (...args: unknown[]) => void lines.push(format(...args));
      const upstream = await startUpstream(text('hello'));
      const logger = { info: write, warn: write, error: write };
      await call(`${(await start({ target: upstream.url, logger, on })).url}/x`);
      expect(lines).to.deep.equal([`[HPM] GET /x -> ${upstream.url}/x [200]`]);
    });
  }
});
