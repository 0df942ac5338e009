import { expect } from 'chai';
import express from 'express';
import {
  createProxyMiddleware,
  debugProxyErrorsPlugin,
  errorResponsePlugin,
  proxyEventsPlugin,
  responseInterceptor,
} from 'http-proxy-middleware';
import { type ProxyError, resilientProxy } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, endingOf, open } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

const fail = (): never => {
  throw new Error('secret');
};
const reject = async (): Promise<never> => fail();
const WAYS = { throws: fail, 'returns a promise that is rejected': reject };

/** A proxy with a function that fails for the first call only. */
async function startFailing(
  options: (failing: () => unknown) => Partial<ForwardOptions>,
  how: () => unknown,
) {
  const upstream = await startUpstream(text('hello', { 'content-encoding': 'identity', etag: '"1"' }));
  let calls = 0;
  const failing = () => (++calls === 1 ? how() : undefined);
  const proxy = await startForward({ target: upstream.url, ...options(failing) });
  return { upstream, proxy };
}

describe('forward() with a function that fails', () => {
  for (const [way, how] of Object.entries(WAYS)) {
    for (const event of ['start', 'proxyReq', 'proxyRes'] as const) {
      it(`fails the call when on.${event} ${way}, and only that call`, async () => {
        const { upstream, proxy } = await startFailing((failing) => ({ on: { [event]: failing } }), how);
        const broken = await open(proxy.url).then(
          async ({ res }) => ({ status: res.statusCode, ...(await endingOf(res)), headers: res.headers }),
          () => undefined,
        );
        // By the time a promise rejects, a short response has been passed on.
        if (event === 'proxyRes' && how === reject)
          expect(broken).to.deep.include({ status: 200, clean: true });
        else {
          expect(broken).to.deep.include({ status: 500, clean: true });
          expect(broken?.headers).to.not.have.any.keys('etag', 'content-encoding');
          expect(broken?.headers).to.include.keys('date', 'connection');
          const [error] = proxy.errors as ProxyError[];
          expect(error).to.include({ code: 'ERR_INTERNAL' });
          expect(error?.message).to.equal(`The function given as on.${event} failed`);
          expect(error?.cause).to.be.instanceOf(Error).with.property('message', 'secret');
        }
        expect((await call(proxy.url)).text).to.equal('hello');
        await until(() => upstream.connections.open <= 1);
      });
    }

    for (const name of ['router', 'pathRewrite', 'pathFilter'] as const) {
      if (name === 'pathFilter' && how === reject) continue;
      it(`passes the error to next() when ${name} ${way}, and sends no request`, async () => {
        const values = { router: undefined, pathRewrite: undefined, pathFilter: true };
        const { upstream, proxy } = await startFailing(
          (failing) => ({ [name]: () => failing() ?? values[name] }),
          how,
        );
        const response = await call(proxy.url);
        expect(response.status).to.equal(500);
        expect(response.text).to.include('ERR_INTERNAL').and.not.include('secret');
        expect(proxy.errors[0]).to.be.instanceOf(Error).with.property('message', 'secret');
        expect(upstream.requests).to.have.length(0);
        expect((await call(proxy.url)).text).to.equal('hello');
      });
    }

    it(`responds by the error handler when on.error ${way}`, async () => {
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const proxy = await startForward({ target, on: { error: how } });
      expect((await call(proxy.url)).status).to.equal(502);
      expect((await call(proxy.url)).status).to.equal(502);
    });

    it(`goes on when on.end ${way}`, async () => {
      const { proxy } = await startFailing((failing) => ({ on: { end: failing } }), how);
      for (let i = 0; i < 2; i++) expect((await call(proxy.url)).text).to.equal('hello');
    });
  }

  it('breaks off a response in progress when the promise of on.proxyRes rejects', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.writeHead(200, { 'content-length': 10 }).write('half');
    });
    const proxy = await startForward({ target: upstream.url, on: { proxyRes: reject } });
    const ending = await open(proxy.url).then(
      ({ res }) => endingOf(res),
      () => ({ clean: false }),
    );
    expect(ending.clean).to.equal(false);
    await until(() => upstream.connections.open === 0);
  });

  for (const name of ['router', 'pathRewrite', 'pathFilter'] as const) {
    it(`fails the call when ${name} throws nothing in particular: it is not passed on`, async () => {
      const { upstream, proxy } = await startFailing(
        (failing) => ({ [name]: () => failing() ?? (name === 'pathFilter' ? true : undefined) }),
        () => {
          throw undefined;
        },
      );
      expect((await call(proxy.url)).status).to.equal(500);
      expect(proxy.errors[0]).to.be.instanceOf(Error);
      expect(upstream.requests).to.have.length(0);
    });
  }

  it('opens no circuit when a router fails', async () => {
    const refused = Object.assign(new Error('the database is away'), { code: 'ECONNREFUSED' });
    const proxy = resilientProxy({
      name: 'a',
      router: () => {
        throw refused;
      },
      breaker: { failureThreshold: 1 },
    });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(proxy);
    for (let i = 0; i < 3; i++) expect((await call(url)).json()).to.deep.include({ code: 'ERR_INTERNAL' });
  });

  it('does not retry a call that a user’s function has failed', async () => {
    const upstream = await startUpstream(text('hello'));
    const on = { proxyReq: () => Promise.reject(Object.assign(new Error('mine'), { code: 'ECONNRESET' })) };
    const proxy = resilientProxy({ name: 'a', target: upstream.url, retry: { initialDelayMs: 1 }, on });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(proxy);
    await call(url).catch(() => undefined);
    expect(upstream.requests.length).to.be.at.most(1);
  });
});

describe('forward() with responseInterceptor', () => {
  const intercepting = (interceptor: Parameters<typeof responseInterceptor>[0]): Partial<ForwardOptions> => ({
    selfHandleResponse: true,
    on: { proxyRes: responseInterceptor(interceptor) },
  });

  for (const encoding of [undefined, 'gzip'] as const) {
    it(`fails the call when it is rejected, ${encoding ?? 'no'} coding`, async () => {
      const { gzipSync } = await import('node:zlib');
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(203, encoding && { 'content-encoding': encoding, 'set-cookie': 'a=1' });
        res.end(encoding ? gzipSync('hello') : 'hello');
      });
      let calls = 0;
      const proxy = await startForward({
        target: upstream.url,
        ...intercepting(async (body) => (++calls === 1 ? fail() : `${body}!`)),
      });
      const response = await call(proxy.url);
      expect(response).to.include({ status: 500, statusMessage: 'Internal Server Error' });
      expect(response.json()).to.deep.equal({
        error: 'The function given as on.proxyRes failed',
        code: 'ERR_INTERNAL',
      });
      expect(response.headers).to.not.have.any.keys('set-cookie', 'content-encoding');
      expect(await call(proxy.url)).to.include({ status: 203, text: 'hello!' });
    });
  }

  it('waits for a slow one', async () => {
    const { proxy } = await startFailing(() => intercepting(async (body) => body.toString().repeat(2)), fail);
    expect((await call(proxy.url)).text).to.equal('hellohello');
  });

  it('breaks off a response that its own listener had begun before it failed', async () => {
    const { proxy } = await startFailing(
      () => ({
        selfHandleResponse: true,
        on: {
          proxyRes: async (_proxyRes, _req, res) => {
            res.writeHead(200, { 'content-length': 10 }).write('half');
            await Promise.resolve();
            fail();
          },
        },
      }),
      fail,
    );
    const ending = await open(proxy.url).then(
      ({ res }) => endingOf(res),
      () => ({ clean: false }),
    );
    expect(ending.clean).to.equal(false);
  });

  it('survives a listener on the response’s stream that throws', async () => {
    const { proxy } = await startFailing(
      (failing) => ({
        selfHandleResponse: true,
        on: {
          proxyRes: (proxyRes, _req, res) => {
            proxyRes.on('data', () => failing());
            proxyRes.on('end', () => res.end('read'));
          },
        },
      }),
      fail,
    );
    expect((await call(proxy.url)).status).to.equal(500);
    expect((await call(proxy.url)).text).to.equal('read');
  });
});

for (const transport of TRANSPORTS) {
  describe(`forward() and its events, transport ${transport}`, () => {
    it('calls on.start for each call', async () => {
      const { url: target } = await startUpstream(text('hello'));
      const started: unknown[] = [];
      const start: NonNullable<ForwardOptions['on']>['start'] = (req, res, target) =>
        void started.push([req.url, res.headersSent, String(target)]);
      const plain = await serveApp(createProxyMiddleware({ target, on: { start } }));
      const proxy = await startForward({ target, transport, on: { start } });
      for (const { url } of [plain, proxy]) await call(`${url}/x`);
      expect(started).to.have.length(2);
      expect(started[1]).to.deep.equal(started[0]);
    });

    it('leaves the response to an async on.error', async () => {
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const proxy = await startForward({
        target,
        transport,
        on: {
          error: async (_error, _req, res) => {
            await new Promise(setImmediate);
            if ('writeHead' in res) res.writeHead(418).end('mine');
          },
        },
      });
      expect(await call(proxy.url)).to.include({ status: 418, text: 'mine' });
      expect(proxy.errors).to.deep.equal([]);
    });

    it('responds by the error handler if an async on.error does not', async () => {
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const proxy = await startForward({ target, transport, on: { error: async () => {} } });
      expect((await call(proxy.url)).status).to.equal(502);
      expect(proxy.errors).to.have.length(1);
    });

    it('leaves the response to a plugin’s listener', async () => {
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const proxy = await startForward({ target, transport, plugins: [errorResponsePlugin] });
      expect((await call(`${proxy.url}/x`)).text).to.match(/^Error occurred while trying to proxy: .*\/x$/);
      expect(proxy.errors).to.deep.equal([]);
    });

    it('runs listeners once if the default plugins were added by hand', async () => {
      const { url: target } = await startUpstream(text('hello'));
      let count = 0;
      const options: ForwardOptions = {
        target,
        transport,
        ejectPlugins: true,
        plugins: [proxyEventsPlugin],
        on: { start: () => void count++ },
      };
      await call((await startForward(options)).url);
      expect(count).to.equal(1);
    });

    it('ejects the plugin that serves `on` with the others', async () => {
      const { url: target } = await startUpstream(text('hello'));
      let count = 0;
      const on = { start: () => void count++, proxyRes: () => void count++ };
      await call((await startForward({ target, transport, ejectPlugins: true, on })).url);
      expect(count).to.equal(0);
    });
  });
}

describe('forward() with http-proxy-middleware’s plugins added by hand', () => {
  it('serves calls and failures as they do', async () => {
    const { url: target } = await startUpstream(text('hello'));
    const plugins = [debugProxyErrorsPlugin, proxyEventsPlugin, errorResponsePlugin];
    const app = express();
    app.use('/up', openForward({ target, ejectPlugins: true, plugins }));
    app.use(
      '/down',
      openForward({ target: `http://127.0.0.1:${await unusedPort()}`, ejectPlugins: true, plugins }),
    );
    const { url } = await serveApp(app);
    expect((await call(`${url}/up/x`)).text).to.equal('hello');
    expect((await call(`${url}/down/x`)).text).to.match(/^Error occurred/);
  });
});

describe('forward() with selfHandleResponse', () => {
  it('is refused if nothing would send the response', () => {
    expect(() => openForward({ target: 'http://api.example', selfHandleResponse: true })).to.throw(
      'forward.selfHandleResponse needs a listener on.proxyRes that sends the response, or every call would hang',
    );
  });

  it('is accepted if a plugin sends the response', async () => {
    const { url: target } = await startUpstream(text('hello'));
    const proxy = await startForward({
      target,
      selfHandleResponse: true,
      plugins: [(server) => void server.on('proxyRes', (_proxyRes, _req, res) => void res.end('plugged'))],
    });
    expect((await call(proxy.url)).text).to.equal('plugged');
  });
});
