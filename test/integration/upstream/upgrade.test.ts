import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect } from 'chai';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening, unusedPort } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { eventOf, until, within } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';

/** A WebSocket server that sends back what it gets. */
async function startEcho() {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const upgrades: { url: string; headers: NodeJS.Dict<string | string[]> }[] = [];
  const closes: number[] = [];
  sockets.on('connection', (socket, req) => {
    upgrades.push({ url: req.url ?? '', headers: req.headers });
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', (code) => closes.push(code));
  });
  const { port, connections } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, connections, upgrades, closes, sockets };
}

function connect(port: number, path = '/', options: ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  socket.on('error', () => {});
  onCleanup(() => socket.terminate());
  return socket;
}

for (const transport of TRANSPORTS) {
  describe(`forward().upgrade, transport ${transport}`, () => {
    const start = async (options: Omit<ForwardOptions, 'target'> = {}, path = '') => {
      const echo = await startEcho();
      return { echo, proxy: await startForward({ target: echo.url + path, transport, ...options }) };
    };

    it('carries messages both ways, as the first request of a server too', async () => {
      const { echo, proxy } = await start();
      const socket = connect(proxy.port, '/chat?room=1');
      await eventOf(socket, 'open');
      for (const message of ['hello', 'x'.repeat(200_000)]) {
        const back = eventOf<Buffer>(socket, 'message');
        socket.send(message);
        expect((await back).toString()).to.equal(message);
      }
      expect(echo.upgrades.map(({ url }) => url)).to.deep.equal(['/chat?room=1']);
    });

    it('carries the close of the client to the target', async () => {
      const { echo, proxy } = await start();
      const socket = connect(proxy.port);
      await eventOf(socket, 'open');
      socket.close(4001);
      await until(() => echo.closes.length === 1);
      expect(echo.closes).to.deep.equal([4001]);
    });

    it('carries the close of the target to the client', async () => {
      const { echo, proxy } = await start();
      const socket = connect(proxy.port);
      await eventOf(socket, 'open');
      const [code] = await within(
        Promise.all([once(socket, 'close'), [...echo.sockets.clients][0]?.close(4002)]).then(
          ([close]) => close,
        ),
        'the close',
      );
      expect(code).to.equal(4002);
    });

    it('closes the connection to the target when the client disconnects', async () => {
      const { echo, proxy } = await start();
      const socket = connect(proxy.port);
      await eventOf(socket, 'open');
      socket.terminate();
      await until(() => echo.connections.closed === 1);
    });

    it('gives the client an error, not a hang, when the target is down', async () => {
      const proxy = await startForward({ target: `http://127.0.0.1:${await unusedPort()}`, transport });
      const client = await rawClient(proxy.port);
      client.send(handshake('/'));
      expect(await client.untilClosed()).to.match(/^(HTTP\/1\.1 502 |$)/);
    });

    it('passes on a response that refuses the upgrade', async () => {
      const upstream = await startUpstream(status(401, { 'www-authenticate': 'Basic' }));
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send(handshake('/'));
      expect(await client.untilClosed())
        .to.match(/^HTTP\/1\.1 401 /)
        .and.match(/www-authenticate: Basic/i);
    });

    it('requests below the path of the target', async () => {
      const { echo, proxy } = await start({ pathRewrite: { '^/ws': '' } }, '/v2');
      await eventOf(connect(proxy.port, '/ws/x'), 'open');
      expect(echo.upgrades[0]?.url).to.equal('/v2/x');
    });

    it('refuses a path that leaves the base path', async () => {
      const { echo, proxy } = await start({}, '/v2');
      for (const path of ['/../admin', '/%2e%2e/admin', '/x/..%2f..%2fadmin']) {
        const client = await rawClient(proxy.port);
        client.send(handshake(path));
        await until(() => client.closed || client.text !== '', `an end for ${path}`);
        expect(client.text, path).to.not.match(/^HTTP\/1\.1 101/);
      }
      expect(echo.upgrades).to.deep.equal([]);
    });

    it('refuses a path that leaves the base path once it is rewritten', async () => {
      const { echo, proxy } = await start({ pathRewrite: { '^/ws': '' } }, '/v2');
      const client = await rawClient(proxy.port);
      client.send(handshake('/ws/../admin'));
      await until(() => client.closed || client.text !== '');
      expect(client.text).to.not.match(/^HTTP\/1\.1 101/);
      expect(echo.upgrades).to.deep.equal([]);
    });

    it('sends added headers, which replace the client’s in any letter case', async () => {
      const { echo, proxy } = await start({ headers: { 'X-Api-KEY': 'ours' } });
      await eventOf(connect(proxy.port, '/', { headers: { 'x-api-key': 'theirs' } }), 'open');
      expect(echo.upgrades[0]?.headers).to.have.property('x-api-key', 'ours');
    });

    it('keeps cookies and unlisted headers back as for other calls', async () => {
      const { echo, proxy } = await start({ forwardCookies: false, forwardHeaders: ['x-listed'] });
      const headers = { cookie: 'session=1', 'x-listed': '1', 'x-other': '1' };
      await eventOf(connect(proxy.port, '/', { headers }), 'open');
      expect(echo.upgrades[0]?.headers).to.have.property('x-listed', '1');
      expect(echo.upgrades[0]?.headers).to.not.have.any.keys('cookie', 'x-other');
    });
  });
}

function handshake(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
}
