import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import { type ResilientProxyConfig, resilientProxy, upgradeRoutes } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dialOpen, handshake, startEcho } from '../../support/echo.js';
import { rawCall } from '../../support/raw-client.js';
import { serve, serveApp } from '../../support/serve.js';
import { startUpstream, text } from '../../support/upstream.js';

function open(config: ResilientProxyConfig) {
  const proxy = resilientProxy(config);
  onCleanup(() => proxy.close());
  return proxy;
}

/** The status and the message of an error, or the text. */
async function outcome(url: string): Promise<[number, string]> {
  const { status, text } = await call(url);
  return [status, text.startsWith('{') ? JSON.parse(text).error : text];
}

for (const transport of ['undici', 'node'] as const) {
  describe(`resilientProxy() with mount, transport ${transport}`, () => {
    it('removes the path where the server does not, and leaves the others to it', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = open({ mount: '/api/', apis: { github: { target: upstream.url, transport } } });
      const { url } = await serve(proxy);
      expect(await outcome(`${url}/api/github/users?a=1`)).to.deep.equal([200, 'ok']);
      expect(await outcome(`${url}/API/github`)).to.deep.equal([200, 'ok']);
      expect(await outcome(`${url}/apis/github`)).to.deep.equal([404, 'passed on']);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/users?a=1', '/']);
    });

    it('removes it for a single API', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await serve(open({ name: 'one', mount: '/api', target: upstream.url, transport }));
      expect(await outcome(`${url}/api/users`)).to.deep.equal([200, 'ok']);
      expect(await outcome(`${url}/users`)).to.deep.equal([404, 'passed on']);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/users']);
    });

    it('leads redirects through the path', async () => {
      const upstream = await startUpstream((req, res) => {
        res.writeHead(302, { Location: `http://${req.headers.host}/new` }).end();
      });
      const proxy = open({ mount: '/v1/api', apis: { github: { target: upstream.url, transport } } });
      const { url } = await serve(proxy);
      const { headers } = await call(`${url}/v1/api/github/old`);
      expect(headers.location).to.equal('/v1/api/github/new');
    });

    it('responds with its own status where another was set before, from the cache too', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = open({ apis: { github: { target: upstream.url, transport, cache: {} } } });
      const { url } = await serveApp((req, res) => {
        // As Koa does.
        res.statusCode = 404;
        res.statusMessage = 'Not Found';
        proxy(req, res);
      });
      for (const verdict of ['fwd=uri-miss', 'hit']) {
        const response = await call(`${url}/github/a`);
        expect([response.status, response.statusMessage]).to.deep.equal([200, 'OK']);
        expect(response.headers['cache-status']).to.include(verdict);
      }
    });
  });
}

describe('resilientProxy() with mount', () => {
  it('changes nothing where Express has removed the path already', async () => {
    const upstream = await startUpstream(text('ok'));
    const proxy = open({
      mount: '/api',
      apis: { api: { target: upstream.url }, b: { target: upstream.url } },
    });
    const app = express().use('/api', proxy);
    const { url } = await serveApp(app);
    expect(await outcome(`${url}/api/api/users`)).to.deep.equal([200, 'ok']);
    expect(await outcome(`${url}/api/b`)).to.deep.equal([200, 'ok']);
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/users', '/']);
  });

  it('responds with 404 to other paths where nobody else does', async () => {
    const apis = { github: { target: 'http://127.0.0.1:9' } };
    const many = open({ mount: '/api', apis });
    const single = open({ mount: '/api', name: 'one', target: 'http://127.0.0.1:9' });
    const { url } = await serveApp((req, res) => (req.url?.startsWith('/1') ? single : many)(req, res));
    expect(await outcome(`${url}/other`)).to.deep.equal([
      404,
      'The APIs are below /api, each under its name: github',
    ]);
    expect(await outcome(`${url}/1`)).to.deep.equal([404, 'The API is below /api']);
    const unknown = await many.stats?.view({ api: '(unknown)', period: 'all' });
    expect(unknown?.figures.total).to.equal(1);
  });

  it('takes WebSockets below the path, and leaves the others', async () => {
    const [echo, other] = [await startEcho(), await startEcho()];
    const proxy = open({ mount: '/api', apis: { x: { target: echo.url } } });
    const { port, server } = await serve(proxy, { upgrade: proxy.upgrade });
    await dialOpen(port, '/api/x/chat');
    expect(await rawCall(port, handshake('/x/chat'))).to.match(/^HTTP\/1\.1 404 /);
    const own = open({ name: 'own', target: other.url });
    server.on('upgrade', upgradeRoutes({ '/own': own.upgrade }));
    await dialOpen(port, '/own/1');
    expect([echo, other].map(({ handshakes }) => handshakes.map(({ url }) => url))).to.deep.equal([
      ['/chat'],
      ['/1'],
    ]);
  });

  it('listens below the path with ws, whether Express removes it or not', async () => {
    for (const at of ['/', '/api', '/v1']) {
      const echo = await startEcho();
      const proxy = open({ mount: '/api', apis: { x: { target: echo.url, ws: true } } });
      const { url, port } = await serveApp(express().use(at, proxy));
      const path = at === '/v1' ? '/v1/api/x' : '/api/x';
      await call(`${url}${path}/`);
      await dialOpen(port, `${path}/chat`);
      expect(echo.handshakes.map(({ url }) => url)).to.deep.equal(['/chat']);
    }
  });

  it('is off by default, and refuses what is no path', () => {
    const wrong = (mount: unknown) => () =>
      resilientProxy({ mount, name: 'x', target: 'http://127.0.0.1:9' } as ResilientProxyConfig);
    for (const mount of ['api', '/api/*', '/api?x', 7])
      expect(wrong(mount)).to.throw(TypeError, /^mount must/);
  });

  it('needs a restart to change', () => {
    const apis = { x: { target: 'http://127.0.0.1:9' } };
    const proxy = open({ mount: '/api', apis });
    expect(proxy.update({ mount: '/api/', apis }).needsRestart).to.deep.equal([]);
    expect(proxy.update({ mount: '/v1', apis }).needsRestart).to.deep.equal(['mount']);
  });
});

describe('a call whose path names no API', () => {
  const target = 'http://127.0.0.1:9';
  const messageOf = async (handler: (req: IncomingMessage, res: ServerResponse) => unknown, path: string) => {
    const { url } = await serveApp(handler);
    const { status, text } = await call(url, { path });
    expect([status, JSON.parse(text).code]).to.deep.equal([404, 'ERR_UNKNOWN_API']);
    return JSON.parse(text).error;
  };

  it('is told what was looked for and which APIs there are', async () => {
    const proxy = open({ apis: { github: { target }, weather: { target } } });
    expect(await messageOf(proxy, '/wether/today?key=secret')).to.equal(
      'Unknown API: wether. The path must begin with the name of one: github, weather',
    );
  });

  it('is told of mount where the name comes behind a path that was not removed', async () => {
    const proxy = open({ apis: { github: { target } } });
    const known = 'The path must begin with the name of one: github';
    expect(await messageOf(proxy, '/api/github/users')).to.equal(
      `Unknown API: api. ${known}. To remove "/api" from it, set mount: '/api'`,
    );
    expect(await messageOf(proxy, '/a/b/github')).to.equal(
      `Unknown API: a. ${known}. To remove "/a/b" from it, set mount: '/a/b'`,
    );
    const app = express().use('/api', proxy);
    expect(await messageOf(app, '/api/api/github')).to.equal(`Unknown API: api. ${known}`);
    expect(await messageOf(app, '/api')).to.equal(`The path names no API. ${known}`);
  });

  it('is told a bounded number of names', async () => {
    const names = Array.from({ length: 13 }, (_, i) => `api-${i}`);
    const proxy = open({ apis: Object.fromEntries(names.map((name) => [name, { target }])) });
    expect(await messageOf(proxy, `/${'x'.repeat(90)}`)).to.equal(
      `Unknown API: ${'x'.repeat(77)}.... The path must begin with the name of one: ` +
        `${names.slice(0, 10).join(', ')} and 3 more`,
    );
    expect(await messageOf(open({ apis: {} }), '/x')).to.match(/name of one: there are none$/);
  });
});

describe('resilientProxy()', () => {
  it('takes three parameters, as middlewares of Connect that respond later do', () => {
    expect(open({ name: 'x', target: 'http://127.0.0.1:9' })).to.have.length(3);
  });
});
