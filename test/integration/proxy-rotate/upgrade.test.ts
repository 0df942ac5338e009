import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { startGatewayProxy } from '../../support/gateway-proxy.js';
import { listening, unusedPort } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { rotating } from '../../support/rotating.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { eventOf, until } from '../../support/until.js';

const HANDSHAKE =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** A WebSocket server that sends the address of its client, then echoes messages. */
async function startEcho(scheme: 'http' | 'https') {
  const server = scheme === 'https' ? createTlsServer(credentials()) : createServer();
  const sockets = new WebSocketServer({ server });
  const headers: string[] = [];
  sockets.on('connection', (socket, req) => {
    headers.push(req.rawHeaders.join('\n'));
    socket.send(String(req.socket.remoteAddress));
    socket.on('message', (data) => socket.send(data));
  });
  const { port, connections } = await listening(server);
  return { url: `${scheme}://127.0.0.1:${port}`, connections, headers };
}

for (const transport of TRANSPORTS) {
  describe(`proxyRotate().policy() for upgrades, transport ${transport}`, () => {
    async function start(target: string, options: ProxyRotateOptions) {
      const tested = rotating({ connectTimeoutMs: 300, ...options });
      const forward = openForward({ target, transport, secure: false });
      const { port } = await serve(forward, {
        upgrade: (req, socket, head) => forward.upgrade(req, socket, head, tested.rotate.policy()),
      });
      return { port, ...tested };
    }

    for (const scheme of ['http', 'https'] as const) {
      it(`carries messages through a tunnel to an ${scheme} target, past a dead proxy`, async () => {
        const echo = await startEcho(scheme);
        const proxy = await startForwardProxy({ credentials: 'user:secret' });
        const { port, events } = await start(echo.url, {
          proxies: [`http://127.0.0.1:${await unusedPort()}`, proxy.url],
          tunnel: false,
        });
        const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
        onCleanup(() => socket.terminate());
        expect(String(await eventOf(socket, 'message'))).to.equal(proxy.from);
        socket.send('hello');
        expect(String(await eventOf(socket, 'message'))).to.equal('hello');
        expect(proxy.connects).to.have.length(1);
        expect(events).to.have.length(1);
        expect(echo.headers[0]).to.not.match(/proxy-auth/i);
        socket.terminate();
        await until(() => proxy.open() === 0 && echo.connections.open === 0);
      });
    }

    it('counts open WebSockets with the strategy least_used, until they close', async () => {
      const echo = await startEcho('http');
      const proxies = [await startForwardProxy(), await startForwardProxy({ from: '127.0.0.3' })];
      const { port, rotate } = await start(echo.url, {
        proxies: proxies.map((proxy) => proxy.url),
        strategy: 'least_used',
      });
      const connect = async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
        onCleanup(() => socket.terminate());
        return { socket, from: String(await eventOf(socket, 'message')) };
      };
      const active = () => rotate.status().map((proxy) => proxy.active);
      const [first, second, third] = [await connect(), await connect(), await connect()];
      expect([first.from, second.from, third.from]).to.deep.equal(['127.0.0.2', '127.0.0.3', '127.0.0.2']);
      expect(active()).to.deep.equal([2, 1]);
      first.socket.terminate();
      third.socket.terminate();
      await until(() => active().join() === '0,1');
      expect((await connect()).from).to.equal('127.0.0.2');
    });

    it('counts them in maxConcurrency, of a session too, and lets a call in when one closes', async () => {
      const echo = await startEcho('http');
      const gateway = await startGatewayProxy();
      for (const strategy of ['round_robin', 'sticky'] as const) {
        const { port, rotate } = await start(echo.url, {
          proxies: [`http://u-{session}:pw@${gateway.name}`].map((url) =>
            strategy === 'sticky' ? url : { url, sessions: 1 },
          ),
          ...{ strategy, stickyKey: () => 'a', maxConcurrency: 1 },
        });
        const open = () => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
          onCleanup(() => socket.terminate());
          return socket;
        };
        const first = open();
        await eventOf(first, 'message');
        const second = open();
        let isOpen = false;
        second.once('open', () => {
          isOpen = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect([isOpen, rotate.status()[0]?.active]).to.deep.equal([false, 1]);
        first.terminate();
        await until(() => isOpen);
        second.terminate();
        await until(() => rotate.status()[0]?.active === 0);
      }
    });

    it('leaves a WebSocket open whose proxy is taken out of its list', async () => {
      const echo = await startEcho('http');
      const [before, after] = [await startForwardProxy(), await startForwardProxy()];
      const folder = await mkdtemp(join(tmpdir(), 'proxies-'));
      onCleanup(() => rm(folder, { recursive: true, force: true }));
      const file = join(folder, 'proxies.txt');
      await writeFile(file, before.url);
      const { port, rotate } = await start(echo.url, { proxies: { file } });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
      onCleanup(() => socket.terminate());
      await eventOf(socket, 'message');
      await writeFile(`${file}.new`, after.url);
      await rename(`${file}.new`, file);
      await until(() => rotate.status()[0]?.address === after.url);
      socket.send('still here');
      expect(String(await eventOf(socket, 'message'))).to.equal('still here');
      socket.terminate();
      await until(() => before.open() === 0);
    });

    it('responds with 503 when no proxy is left, and never connects directly', async () => {
      const echo = await startEcho('http');
      const { port } = await start(echo.url, { proxies: [`http://127.0.0.1:${await unusedPort()}`] });
      const client = await rawClient(port);
      client.send(HANDSHAKE);
      expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 503 .*ERR_NO_PROXY/s);
      expect(echo.connections.total).to.equal(0);
    });

    it('connects directly if the policy says so', async () => {
      const echo = await startEcho('http');
      const { port } = await start(echo.url, { proxies: [], noProxy: ['127.0.0.1'] });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
      onCleanup(() => socket.terminate());
      expect(String(await eventOf(socket, 'message'))).to.match(/127\.0\.0\.1$/);
    });

    it('gives up the tunnel when the client leaves', async () => {
      const echo = await startEcho('http');
      let letGo = (): void => {};
      const proxy = await startForwardProxy({
        before: () =>
          new Promise<void>((resolve) => {
            letGo = resolve;
          }),
      });
      const { port } = await start(echo.url, { proxies: [proxy.url], connectTimeoutMs: 10_000 });
      const client = await rawClient(port);
      client.send(HANDSHAKE);
      await until(() => proxy.connects.length === 1);
      client.socket.resetAndDestroy();
      letGo();
      await until(() => proxy.open() === 0);
      expect(echo.headers).to.deep.equal([]);
    });
  });
}
