import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer, get } from 'node:https';
import { expect } from 'chai';
import express from 'express';
import { WebSocket } from 'ws';
import { type ResilientProxyConfig, resilientProxy, upgradeRoutes } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dialOpen, echoed, handshake, startEcho } from '../../support/echo.js';
import { openForward } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { serve, serveApp } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { eventOf } from '../../support/until.js';

function open(config: ResilientProxyConfig) {
  const proxy = resilientProxy(config);
  onCleanup(() => proxy.close());
  return proxy;
}

const H2C =
  'GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n';

describe('upgradeRoutes()', () => {
  it('gives each mount its own, the first request of a server too, and removes the path', async () => {
    const [one, two, other] = [await startEcho(), await startEcho(), await startEcho()];
    const many = open({ apis: { one: { target: one.url }, two: { target: two.url } } });
    const single = open({ name: 'other', target: other.url });
    const app = express().use('/api', many).use('/api/chat', single);
    const { port, server } = await serveApp(app);
    server.on('upgrade', upgradeRoutes({ '/api': many.upgrade, '/api/chat/': single.upgrade }));
    await dialOpen(port, '/api/two/x?y=1');
    await dialOpen(port, '/api/chat/room');
    await dialOpen(port, '/API/one');
    await dialOpen(port, '/api/chat?z=2');
    const urls = [one, two, other].map(({ handshakes }) => handshakes.map(({ url }) => url));
    expect(urls).to.deep.equal([['/'], ['/x?y=1'], ['/room', '/?z=2']]);
  });

  it('leaves what is below none of them to other listeners', async () => {
    const [echo, own] = [await startEcho(), await startEcho()];
    const proxy = open({ name: 'x', target: echo.url });
    const { port, server } = await serve(proxy, { upgrade: upgradeRoutes({ '/api': proxy.upgrade }) });
    const responses = async (path: string) => (await rawCall(port, handshake(path))).split('\r\n')[0];
    expect(await responses('/own')).to.equal('HTTP/1.1 404 Not Found');
    expect(await responses('/apis')).to.equal('HTTP/1.1 404 Not Found');
    const second = open({ name: 'y', target: own.url });
    server.on('upgrade', upgradeRoutes({ '/own': second.upgrade }));
    await dialOpen(port, '/own/1');
    await dialOpen(port, '/api/2');
    expect([own, echo].map(({ handshakes }) => handshakes.map(({ url }) => url))).to.deep.equal([
      ['/1'],
      ['/2'],
    ]);
  });

  it('refuses what none of several listeners takes', async () => {
    const echo = await startEcho();
    const [one, two] = [open({ name: 'one', target: echo.url }), open({ name: 'two', target: echo.url })];
    const last = openForward({ target: echo.url, pathFilter: '/three' });
    const { port, server } = await serve(one, { upgrade: upgradeRoutes({ '/one': one.upgrade }) });
    server.on('upgrade', upgradeRoutes({ '/two': two.upgrade })).on('upgrade', last.upgrade);
    for (const path of ['/one', '/two', '/three']) await dialOpen(port, path);
    expect(await rawCall(port, handshake('/four'))).to.match(/^HTTP\/1\.1 404 /);
  });

  it('serves other upgrades as plain requests, at the requested path', async () => {
    const echo = await startEcho();
    const proxy = open({ name: 'x', target: echo.url });
    const app = express().get('/api/x', (req, res) => void res.send(`plain ${req.originalUrl}`));
    const { port, server } = await serveApp(app);
    server.on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }));
    expect(await rawCall(port, H2C)).to.match(/^HTTP\/1\.1 200 .*plain \/api\/x$/s);
    expect(await rawCall(port, H2C.replace('/api/x', '/else'))).to.match(
      /^HTTP\/1\.1 404 .*Cannot GET \/else/s,
    );
  });

  it('reduces an absolute-form request line to its path', async () => {
    const echo = await startEcho();
    const proxy = open({ name: 'x', target: echo.url });
    const { port } = await serve(proxy, { upgrade: upgradeRoutes({ '/api': proxy.upgrade }) });
    const client = await rawClient(port);
    client.send(handshake('http://evil.example/api/chat'));
    await client.until(/^HTTP\/1\.1 101 /);
    expect(echo.handshakes.map(({ url }) => url)).to.deep.equal(['/chat']);
  });

  it('refuses routes that are not valid', () => {
    const upgrade = () => {};
    expect(() => upgradeRoutes({ api: upgrade })).to.throw(
      TypeError,
      'routes["api"] must be mounted at a path that begins with "/"; received "api"',
    );
    expect(() => upgradeRoutes({ '/api': {} as () => void })).to.throw(
      TypeError,
      'routes["/api"] must be a function, as proxy.upgrade is; received an object',
    );
    expect(() => upgradeRoutes(undefined as unknown as Record<string, () => void>)).to.throw(TypeError);
  });
});

describe('resilientProxy() with ws', () => {
  it('listens by itself from the first call on, below its path, and runs every stage', async () => {
    const echo = await startEcho();
    const app = express().use(
      '/api',
      open({ apis: { x: { target: echo.url, ws: true, rateLimit: { limit: 4 } } } }),
    );
    const { port, url, server } = await serveApp(app);
    await call(`${url}/api/x/`);
    await call(`${url}/api/x/`);
    expect(server.listenerCount('upgrade')).to.equal(1);
    expect(await echoed(await dialOpen(port, '/api/x/chat'), 'hello')).to.equal('hello');
    expect(echo.handshakes.map((received) => received.url)).to.deep.equal(['/chat']);
    await dialOpen(port, '/api/x/chat');
    expect(await rawCall(port, handshake('/api/x/chat'))).to.match(/^HTTP\/1\.1 429 /);
    expect(await rawCall(port, handshake('/x/chat'))).to.match(/^HTTP\/1\.1 404 /);
  });

  it('is off by default, and refuses a value that is not a boolean', async () => {
    const echo = await startEcho();
    const { url, server } = await serve(open({ name: 'x', target: echo.url }));
    await call(url);
    expect(server.listenerCount('upgrade')).to.equal(0);
    const wrong = { name: 'x', target: echo.url, ws: 'yes' } as unknown as ResilientProxyConfig;
    expect(() => resilientProxy(wrong)).to.throw(TypeError, /^ws .*; received "yes"/);
  });
});

describe('resilientProxy().upgrade behind TLS', () => {
  it('passes on WebSockets, and serves other upgrades as plain requests', async () => {
    const echo = await startEcho();
    const proxy = open({ name: 'x', target: echo.url, xfwd: true });
    const server = createTlsServer(credentials(), (_req, res) => void res.end('plain'));
    server.on('upgrade', proxy.upgrade);
    const { port } = await listening(server);
    const options = { rejectUnauthorized: false };
    const socket = new WebSocket(`wss://127.0.0.1:${port}/chat`, options);
    onCleanup(() => socket.terminate());
    await eventOf(socket, 'open');
    expect(await echoed(socket, 'hello')).to.equal('hello');
    expect(echo.handshakes[0]?.headers).to.have.property('x-forwarded-proto', 'wss');
    const asking = get({
      port,
      host: '127.0.0.1',
      ...options,
      headers: { connection: 'Upgrade', upgrade: 'h2c' },
    });
    const response = await eventOf<IncomingMessage>(asking, 'response');
    expect(String(await eventOf(response, 'data'))).to.equal('plain');
  });
});
