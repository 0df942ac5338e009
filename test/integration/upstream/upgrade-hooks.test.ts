import { createServer } from 'node:http';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { eventOf, until } from '../../support/until.js';

const fail = (): never => {
  throw new Error('secret');
};
const reject = async (): Promise<never> => fail();
const UPGRADE =
  'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

async function startEcho() {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const { port, connections } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, connections };
}

async function echoes(port: number): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  socket.on('error', () => {});
  onCleanup(() => socket.terminate());
  await eventOf(socket, 'open');
  const back = eventOf<Buffer>(socket, 'message');
  socket.send('hello');
  return (await back).toString();
}

for (const transport of TRANSPORTS) {
  for (const [way, how] of Object.entries({ throws: fail, 'is rejected': reject })) {
    describe(`forward().upgrade with a function that ${way}, transport ${transport}`, () => {
      const start = async (options: (failing: () => unknown) => Partial<ForwardOptions>) => {
        const echo = await startEcho();
        let calls = 0;
        const failing = () => (++calls === 1 ? how() : undefined);
        const proxy = await startForward({ target: echo.url, transport, ...options(failing) });
        return { echo, proxy };
      };

      for (const name of ['router', 'pathRewrite', 'pathFilter'] as const) {
        if (name === 'pathFilter' && how === reject) continue;
        it(`refuses the upgrade when ${name} fails, and accepts the next`, async () => {
          const { proxy, echo } = await start((failing) => ({
            [name]: () => failing() ?? (name === 'pathFilter' ? true : undefined),
          }));
          const client = await rawClient(proxy.port);
          client.send(UPGRADE);
          const response = await client.untilClosed();
          expect(response)
            .to.match(/^HTTP\/1\.1 500 /)
            .and.not.include('secret');
          expect(await echoes(proxy.port)).to.equal('hello');
          expect(echo.connections.total).to.equal(1);
        });
      }

      it('refuses the upgrade when on.proxyReqWs fails, and accepts the next', async () => {
        const { proxy, echo } = await start((failing) => ({ on: { proxyReqWs: failing as () => void } }));
        const client = await rawClient(proxy.port);
        client.send(UPGRADE);
        expect(await client.untilClosed())
          .to.match(/^HTTP\/1\.1 500 /)
          .and.not.include('secret');
        expect(await echoes(proxy.port)).to.equal('hello');
        await until(() => echo.connections.open === 1);
      });

      for (const event of ['open', 'close'] as const) {
        it(`closes the WebSocket when on.${event} fails, and accepts the next`, async () => {
          const { proxy, echo } = await start((failing) => ({ on: { [event]: failing } }));
          const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat`);
          socket.on('error', () => {});
          const closed = eventOf(socket, 'close');
          socket.on('open', () => socket.close());
          await closed;
          await until(() => echo.connections.open === 0);
          expect(await echoes(proxy.port)).to.equal('hello');
        });
      }
    });
  }
}
