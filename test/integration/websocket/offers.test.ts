import { createServer } from 'node:http';
import { expect } from 'chai';
import type { Handler } from '../../../lib/core/exchange.js';
import { type ForwardHandler, forward } from '../../../lib/upstream/forward.js';
import { upgradeRoutes } from '../../../lib/websocket/upgrade-routes.js';
import { onCleanup } from '../../support/cleanup.js';
import { handshake, startEcho } from '../../support/echo.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

const OFFER = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
const SLOW = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n';
const FAST = `GET /fast HTTP/1.1\r\nHost: a\r\n${OFFER}\r\n`;

const startPaths = (body = 'SLOW') =>
  startUpstream((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end(body), 40);
    else req.on('end', () => res.end(`${req.method} ${req.url}`)).resume();
  });

/** A server whose upgrades go to a function around the handler: what it takes is not to be seen from outside. */
async function serveBehindFunction(handler: ForwardHandler) {
  return serve(handler as Handler, { upgrade: (...args) => handler.upgrade(...args) });
}

for (const [how, start] of [
  ['the handler itself', (target: string) => startForward({ target })],
  ['a function around it', (target: string) => serveBehindFunction(openForward({ target }))],
] as const) {
  describe(`a request that offers another protocol, to ${how} (RFC 9110 §7.8)`, () => {
    it('is answered in turn when it was sent behind another one (RFC 9112 §9.3.2)', async () => {
      const upstream = await startPaths();
      const { port } = await start(upstream.url);
      for (let i = 0; i < 2; i++) {
        const client = await rawClient(port);
        client.send(SLOW + FAST + SLOW);
        expect(await client.until(/SLOW[\s\S]*SLOW$/)).to.match(/SLOW[\s\S]*GET \/fast[\s\S]*SLOW$/);
      }
    });

    it('is answered behind a large response that is read slowly', async () => {
      const upstream = await startPaths('s'.repeat(3_000_000));
      const { port } = await start(upstream.url);
      const client = await rawClient(port);
      client.socket.pause();
      client.send(SLOW + FAST);
      await until(() => upstream.requests.length > 0);
      client.socket.resume();
      await until(() => client.text.endsWith('GET /fast'), 'the second response', 10_000);
    });

    for (const [what, framing, body] of [
      ['a body of known length', 'Content-Length: 5', 'hello'],
      ['chunks', 'Transfer-Encoding: chunked', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    ] as const) {
      it(`is served with ${what}, and the next one too`, async () => {
        const upstream = await startPaths();
        const { port } = await start(upstream.url);
        const client = await rawClient(port);
        client.send(`POST /a HTTP/1.1\r\nHost: a\r\n${OFFER}${framing}\r\n\r\n${body.slice(0, 3)}`);
        await new Promise((resolve) => setImmediate(resolve));
        client.send(`${body.slice(3)}GET /b HTTP/1.1\r\nHost: a\r\n\r\n`);
        await client.until(/POST \/a[\s\S]*GET \/b$/);
        const received = upstream.requests.map((request) => [request.url, String(request.body)]);
        expect(received.sort()).to.deep.equal([
          ['/a', 'hello'],
          ['/b', ''],
        ]);
        for (const { headers } of upstream.requests)
          expect(headers).to.not.have.any.keys('upgrade', 'http2-settings');
      });
    }
  });
}

describe('a WebSocket offered behind another request (RFC 9112 §9.3.2)', () => {
  it('opens in turn', async () => {
    const echo = await startEcho();
    const upstream = await startPaths();
    const { port } = await startForward({
      target: upstream.url,
      router: (req) => (req.url === '/slow' ? upstream.url : echo.url),
    });
    const client = await rawClient(port);
    client.send(SLOW + handshake('/'));
    await client.until(/SLOW[\s\S]*HTTP\/1\.1 101 /);
  });
});

describe('the offers of a server that listens for others too', () => {
  it('are left to those', async () => {
    const upstream = await startPaths();
    const handler = forward({ target: upstream.url });
    onCleanup(() => handler.close());
    const server = createServer((req, res) => handler(req, res, () => {}));
    const seen: (string | undefined)[] = [];
    server.on('upgrade', upgradeRoutes({ '/api': handler.upgrade }));
    server.on('upgrade', (req, socket) => {
      if (req.url?.startsWith('/api')) return;
      seen.push(req.headers.upgrade);
      socket.end('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n');
    });
    const { port } = await listening(server);
    for (let i = 0; i < 2; i++) {
      const plain = await rawClient(port);
      plain.send(FAST.replace('/fast', '/api/fast'));
      await plain.until(/GET \/(api\/)?fast$/);
      const client = await rawClient(port);
      client.send('GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n');
      await client.until(/ 101 /);
    }
    expect(seen).to.deep.equal(['mine', 'mine']);
  });
});
